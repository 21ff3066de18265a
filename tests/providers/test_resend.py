import base64
import hashlib
import hmac
from datetime import timedelta

import pytest

from tests.providers.posts import TOKEN, body_of, report, reports, verdict
from webapp.lib import clock
from webapp.providers import resend
from webapp.providers.contract import Keys

PROVIDER = resend.PROVIDER
SECRET = b"twenty-four bytes of it!"
KEY = "whsec_" + base64.b64encode(SECRET).decode()
DATA = {
    "email_id": "1f2e-33", "to": ["Ann <ann@x.test>"],
    "headers": [{"name": "X-Email-Tracker-Copy", "value": TOKEN}],
}  # fmt: skip


def post(kind: str, **data) -> dict:
    return {"type": kind, "created_at": "2026-03-01T12:00:00.5Z", "data": DATA | data}


def signed(body: bytes, *, age: int = 0, prefix: str = "svix", secret: bytes = SECRET) -> dict:
    stamp = str(int((clock.now() - timedelta(seconds=age)).timestamp()))
    signature = hmac.digest(secret, f"msg_1.{stamp}.".encode() + body, hashlib.sha256)
    words = f"v1,AAAA v1,{base64.b64encode(signature).decode()} v2,BBBB"
    return {
        f"{prefix}-id": "msg_1", f"{prefix}-timestamp": stamp, f"{prefix}-signature": words,
    }  # fmt: skip


def bounce(**about) -> dict:
    return post("email.bounced", bounce=about)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (post("email.sent"), ("processed", None)),
        (post("email.delivered"), ("delivered", None)),
        (post("email.delivery_delayed"), ("deferred", "unknown")),
        (post("email.complained"), ("complained", None)),
        (post("email.opened"), ("opened", None)),
        (post("email.clicked", click={"link": "https://x.test/"}), ("clicked", None)),
        (post("email.failed", failed={"reason": "quota"}), ("dropped", "our_server")),
        (post("email.suppressed"), ("dropped", "suppressed")),
        (bounce(type="Permanent", subType="NoEmail"), ("bounced", "mailbox_missing")),
        (bounce(type="Permanent", subType="Suppressed"), ("dropped", "suppressed")),
        (bounce(message="We suppressed sending to it"), ("dropped", "suppressed")),
        (bounce(type="Transient", subType="MailboxFull"), ("bounced_soft", "mailbox_full")),
        (bounce(message="a hard bounce message"), ("bounced", "unknown")),
        (bounce(message="a general bounce message"), ("bounced_soft", "unknown")),
        (post("email.scheduled"), ("unknown", None)),
    ],
)
def test_its_words_become_ours(event, expected):
    assert verdict(report(PROVIDER, event)) == expected


def test_what_is_about_no_mail_of_ours_is_no_report():
    for kind in ("email.received", "contact.created", "domain.updated"):
        assert reports(PROVIDER, post(kind)) == []


def test_the_copy_is_named_by_our_header_in_any_form():
    for headers in (DATA["headers"], {"X-Email-Tracker-Copy": TOKEN}):
        found = report(PROVIDER, post("email.sent", headers=headers), {"svix-id": "msg_1"})
        assert (found.token, found.address) == (TOKEN, "ann@x.test")
        assert found.provider_event_id == "msg_1"
    assert report(PROVIDER, post("email.sent", headers=None, tags={"copy": TOKEN})).token == TOKEN


@pytest.mark.parametrize("prefix", ["svix", "webhook"])
def test_only_what_was_signed_within_five_minutes_is_authentic(prefix):
    body = body_of(post("email.sent"))

    def check(age: int, key: str = KEY) -> bool:
        headers = signed(body, age=age, prefix=prefix)
        return PROVIDER.is_authentic(body, headers, Keys(key), clock.now())

    assert check(0)
    assert check(298)
    assert not check(302)
    assert not check(-302)
    assert not check(0, "whsec_AAAA")
    assert not check(0, "not base64 !")


def test_another_body_id_or_secret_is_not_authentic():
    body = body_of(post("email.sent"))
    headers = signed(body)

    assert not PROVIDER.is_authentic(body + b" ", headers, Keys(KEY), clock.now())
    for changed in ({"svix-id": "msg_2"}, {"svix-id": ""}, {"svix-timestamp": "nan"}):
        assert not PROVIDER.is_authentic(body, headers | changed, Keys(KEY), clock.now())
    assert PROVIDER.is_authentic(body, headers, Keys("whsec_AAAA", KEY), clock.now())


def test_repeats_have_one_id_and_its_header_is_kept():
    assert PROVIDER.dedupe_key(b"1", {"svix-id": "m"}) == PROVIDER.dedupe_key(
        b"2", {"svix-id": "m"}
    )
    assert "svix-id" in PROVIDER.kept_headers
