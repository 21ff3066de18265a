"""The sandbox's own posts: signed, batched, and read by table."""

import json
from datetime import UTC, datetime

import pytest

from webapp.mail.causes import Cause
from webapp.mail.reports import ReportKind
from webapp.providers import sandbox
from webapp.providers.contract import Keys, Unreadable

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BODY = b'[{"event": "delivered"}]'


def signed(secret: str = "new", timestamp: str = "1", body: bytes = BODY) -> dict[str, str]:
    signature = sandbox.sign(secret, timestamp.encode(), body)
    return {sandbox.TIMESTAMP: timestamp, sandbox.SIGNATURE: f"v1={signature}"}


def is_authentic(headers: dict[str, str], body: bytes = BODY, **keys: str) -> bool:
    known = {"current": "new", "previous": None} | keys
    return sandbox.PROVIDER.is_authentic(body, headers, Keys(**known), NOW)


def test_the_signature_covers_body_and_timestamp() -> None:
    assert is_authentic(signed())
    assert not is_authentic(signed(), BODY + b" ")
    assert not is_authentic(signed() | {sandbox.TIMESTAMP: "2"})
    assert not is_authentic(signed("another"))
    assert not is_authentic({})


def test_the_key_before_counts_while_it_is_known() -> None:
    assert is_authentic(signed("old"), previous="old")
    assert not is_authentic(signed("old"))


def test_without_any_key_nothing_is_authentic() -> None:
    assert not sandbox.PROVIDER.is_authentic(BODY, signed(""), Keys(None), NOW)


def parse(**event: object):
    (report,) = sandbox.PROVIDER.parse(json.dumps([event]).encode(), {})
    return report


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("processed", ReportKind.PROCESSED),
        ("deferred", ReportKind.DEFERRED),
        ("delivered", ReportKind.DELIVERED),
        ("bounced", ReportKind.BOUNCED),
        ("soft_bounced", ReportKind.BOUNCED_SOFT),
        ("dropped", ReportKind.DROPPED),
        ("complained", ReportKind.COMPLAINED),
        ("autoreplied", ReportKind.AUTOREPLIED),
        ("teleported", ReportKind.UNKNOWN),
        (None, ReportKind.UNKNOWN),
    ],
)
def test_their_words_become_ours(word, kind) -> None:
    assert parse(event=word).kind is kind


@pytest.mark.parametrize(
    ("word", "smtp", "cause"),
    [
        ("bounced", "550 5.1.1 no such user", Cause.MAILBOX_MISSING),
        ("soft_bounced", "452 4.2.2 mailbox full", Cause.MAILBOX_FULL),
        ("deferred", "421 4.7.0 too many messages", Cause.TOO_FAST),
        ("dropped", "Bounced Address", Cause.SUPPRESSED),
        ("delivered", "250 ok", None),
    ],
)
def test_the_cause_stands_in_the_server_s_words(word, smtp, cause) -> None:
    assert parse(event=word, smtp=smtp).cause is cause


def test_a_delivery_is_known_by_its_id_or_else_by_its_bytes() -> None:
    key = sandbox.PROVIDER.dedupe_key

    assert key(b"a", {sandbox.DELIVERY: "1"}) == key(b"b", {sandbox.DELIVERY: "1"})
    assert key(b"a", {}) != key(b"b", {})


def test_what_is_no_list_cannot_be_read_and_what_is_no_event_is_left_out() -> None:
    with pytest.raises(Unreadable):
        sandbox.PROVIDER.parse(b'{"event": "delivered"}', {})
    assert sandbox.PROVIDER.parse(b'[1, null, "x", []]', {}) == []


def test_the_token_travels_in_a_header_of_its_own() -> None:
    assert sandbox.PROVIDER.tracking_headers("7-abc") == {"X-Sandbox-Token": "7-abc"}
