import hashlib
import hmac
from urllib.parse import urlencode

import pytest

from tests.providers.posts import TOKEN, body_of, report, verdict
from webapp.lib import clock
from webapp.providers import mailgun
from webapp.providers.contract import Keys, Unreadable

PROVIDER = mailgun.PROVIDER
KEY = "a signing key"
EVENT = {
    "id": "day-unique", "timestamp": 1790000000.25, "recipient": "ann@x.test",
    "message": {"headers": {"message-id": f"{TOKEN}@acme.test", "to": "Ann <ann@x.test>"}},
    "user-variables": {"copy": TOKEN},
}  # fmt: skip


def signature(token: str = "t" * 50, stamp: str = "1790000001", key: str = KEY) -> dict:
    signed = hmac.new(key.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
    return {"token": token, "timestamp": stamp, "signature": signed}


def post(**event) -> dict:
    return {"event-data": EVENT | event, "signature": signature()}


def failed(severity: str, reason: str = "generic", code: int = 550, message: str = "no") -> dict:
    status = {"code": code, "message": message, "description": "", "attempt-no": 2}
    return {
        "event": "failed", "severity": severity, "reason": reason, "delivery-status": status,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"event": "accepted"}, ("processed", None)),
        ({"event": "delivered", "delivery-status": {"code": 250}}, ("delivered", None)),
        (failed("temporary", code=450, message="4.2.1 greylisted"), ("deferred", "greylisted")),
        (failed("permanent", "bounce", 550, "5.1.1 no such user"), ("bounced", "mailbox_missing")),
        (failed("permanent", "suppress-bounce", 605), ("dropped", "suppressed")),
        (failed("permanent", "suppress-complaint", 607), ("dropped", "complained")),
        (failed("permanent", "suppress-unsubscribe", 606), ("dropped", "unsubscribed")),
        (failed("permanent", "old", 602), ("bounced_soft", "gave_up")),
        (failed("permanent", "espblock", 421), ("bounced_soft", "blocked_reputation")),
        ({"event": "rejected", "reject": {"reason": "quota"}}, ("dropped", "our_server")),
        ({"event": "opened"}, ("opened", None)),
        ({"event": "clicked", "url": "https://x.test/"}, ("clicked", None)),
        ({"event": "unsubscribed"}, ("unsubscribed", None)),
        ({"event": "complained"}, ("complained", None)),
        ({"event": "list_member_uploaded"}, ("unknown", None)),
    ],
)  # fmt: skip
def test_its_words_become_ours(event, expected):
    assert verdict(report(PROVIDER, post(**event))) == expected


def test_what_is_rejected_is_for_whom_it_was_written():
    event = {name: value for name, value in EVENT.items() if name != "recipient"}
    found = report(PROVIDER, {"event-data": event | {"event": "rejected"}})

    assert (found.address, found.token) == ("ann@x.test", TOKEN)


def test_only_the_signature_is_signed():
    body = body_of(post(event="delivered"))

    assert PROVIDER.is_authentic(body, {}, Keys(KEY), clock.now())
    assert PROVIDER.is_authentic(body, {}, Keys("new", KEY), clock.now())
    assert not PROVIDER.is_authentic(body, {}, Keys("another"), clock.now())
    assert not PROVIDER.is_authentic(body_of({"event-data": EVENT}), {}, Keys(KEY), clock.now())
    for changed in ({"token": "u"}, {"timestamp": "1"}, {"signature": ""}):
        forged = post(event="delivered") | {"signature": signature() | changed}
        assert not PROVIDER.is_authentic(body_of(forged), {}, Keys(KEY), clock.now())


def test_a_token_is_good_for_one_post_whatever_it_says():
    first, forged = body_of(post(event="opened")), body_of(post(event="complained"))
    other = body_of(post() | {"signature": signature("another token")})

    assert PROVIDER.dedupe_key(first, {}) == PROVIDER.dedupe_key(forged, {})
    assert PROVIDER.dedupe_key(first, {}) != PROVIDER.dedupe_key(other, {})


LEGACY = {"event": "bounced", "recipient": "ann@x.test", "code": "550", "error": "no such user"}


def multipart(fields: dict) -> bytes:
    part = '--edge\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    parts = "".join(part.format(name, value) for name, value in fields.items())
    return f"{parts}--edge--\r\n".encode()


@pytest.mark.parametrize("form", [multipart, lambda fields: urlencode(fields).encode()])
def test_older_accounts_post_forms(form):
    body = form(LEGACY | {"copy": TOKEN, "Message-Id": "<m@x.test>"} | signature())
    [found] = PROVIDER.parse(body, {})

    assert PROVIDER.is_authentic(body, {}, Keys(KEY), clock.now())
    assert (verdict(found), found.token) == (("bounced", "mailbox_missing"), TOKEN)
    assert (found.address, found.reply) == ("ann@x.test", "no such user")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"event": "dropped", "code": "605", "reason": "hardfail"}, ("dropped", "suppressed")),
        ({"event": "dropped", "code": "607"}, ("dropped", "complained")),
        ({"event": "dropped", "code": "499", "reason": "old"}, ("bounced_soft", "gave_up")),
        ({"event": "delivered"}, ("delivered", None)),
    ],
)
def test_older_drops_say_why_by_numbers(fields, expected):
    [found] = PROVIDER.parse(multipart(fields | signature()), {})
    assert verdict(found) == expected


def test_neither_form_nor_event_is_unreadable():
    for body in (b"hello", b"--edge\r\n\r\n", b"{}", b"[1]"):
        with pytest.raises(Unreadable):
            PROVIDER.parse(body, {})
