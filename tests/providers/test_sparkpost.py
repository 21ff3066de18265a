import pytest

from tests.providers.posts import BASIC, TOKEN, body_of, report, reports, verdict
from webapp.lib import clock
from webapp.providers import sparkpost
from webapp.providers.contract import Keys

PROVIDER = sparkpost.PROVIDER
EVENT = {
    "event_id": "e-1", "transmission_id": "t-1", "timestamp": "1790000000",
    "rcpt_to": "ann@x.test", "raw_rcpt_to": "Ann@x.test", "rcpt_meta": {"copy": TOKEN},
}  # fmt: skip


def post(kind: str, group: str = "message_event", **changes) -> list:
    return [{"msys": {group: EVENT | {"type": kind} | changes}}]


def bounce(number: int, reason: str = "550 no", kind: str = "bounce") -> list:
    return post(kind, bounce_class=str(number), raw_reason=reason)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (post("injection"), ("processed", None)),
        (post("delivery"), ("delivered", None)),
        (post("delay", raw_reason="451 4.7.1 greylisted"), ("deferred", "greylisted")),
        (post("policy_rejection", raw_reason="recipient suppressed"), ("dropped", "suppressed")),
        (post("generation_failure", "gen_event"), ("dropped", "our_server")),
        (post("generation_rejection", "gen_event"), ("dropped", "our_server")),
        (post("spam_complaint"), ("complained", None)),
        (post("list_unsubscribe", "unsubscribe_event"), ("unsubscribed", None)),
        (post("link_unsubscribe", "unsubscribe_event"), ("unsubscribed", None)),
        (post("open", "track_event"), ("opened", None)),
        (post("initial_open", "track_event"), ("unknown", None)),
        (post("amp_click", "track_event"), ("clicked", None)),
        (post("ab_test_completed", "ab_test_event"), ("unknown", None)),
        (bounce(10, "550 5.1.1 no such user"), ("bounced", "mailbox_missing")),
        (bounce(30, "550 5.1.1 no such user"), ("bounced", "mailbox_missing")),
        (bounce(22), ("bounced_soft", "mailbox_full")),
        (bounce(25), ("dropped", "our_server")),
        (bounce(51), ("bounced_soft", "blocked_content")),
        (bounce(60), ("autoreplied", None)),
        (bounce(90), ("unsubscribed", None)),
        (bounce(100), ("autoreplied", None)),
        (bounce(10, kind="out_of_band"), ("bounced", "mailbox_missing")),
        (bounce(20, "too busy", kind="out_of_band"), ("bounced_soft", "unknown")),
    ],
)
def test_its_words_become_ours(event, expected):
    assert verdict(report(PROVIDER, event)) == expected


def test_a_batch_is_read_whole_and_an_empty_one_is_a_ping():
    batch = post("injection") + [{"msys": {}}] + post("delivery") + [5, {"other": 1}]

    assert [found.kind for found in reports(PROVIDER, batch)] == ["processed", "delivered"]
    assert reports(PROVIDER, [{"msys": {}}]) == []
    assert reports(PROVIDER, [{"msys": {"relay_message": {"rcpt_to": "us@x.test"}}}]) == []


def test_times_are_seconds_or_iso():
    assert report(PROVIDER, post("delivery")).happened_at.timestamp() == 1790000000
    found = report(PROVIDER, post("delivery", timestamp="2026-03-01T12:00:00.000Z"))
    assert found.happened_at.isoformat() == "2026-03-01T12:00:00+00:00"


def test_the_copy_and_the_address_as_it_was_written():
    found = report(PROVIDER, post("delivery"))
    assert (found.token, found.address) == (TOKEN, "Ann@x.test")


def test_password_or_token_of_its_own_header_is_the_proof():
    body, keys = body_of(post("delivery")), Keys("open sesame")

    assert PROVIDER.is_authentic(body, BASIC, keys, clock.now())
    own = {sparkpost.TOKEN_HEADER: "open sesame"}
    assert PROVIDER.is_authentic(body, own, keys, clock.now())
    assert not PROVIDER.is_authentic(body, {sparkpost.TOKEN_HEADER: "shut"}, keys, clock.now())


def test_a_batch_has_an_id_kept_over_its_repeats():
    assert PROVIDER.dedupe_key(b"1", {sparkpost.BATCH: "b-1"}) == "id:b-1"
    assert PROVIDER.dedupe_key(b"1", {}) == PROVIDER.dedupe_key(b"1", {})
