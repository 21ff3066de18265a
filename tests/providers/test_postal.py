import base64

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.providers.posts import TOKEN, body_of, report, reports, verdict
from webapp.lib import clock
from webapp.providers import postal
from webapp.providers.contract import Keys

PROVIDER = postal.PROVIDER
PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=1024)
MESSAGE = {
    "id": 77, "direction": "outgoing", "message_id": f"{TOKEN}@acme.test", "to": "ann@x.test",
    "tag": TOKEN,
}  # fmt: skip


def key_of(private: rsa.RSAPrivateKey = PRIVATE) -> str:
    der = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(der).decode()


def signed(body: bytes, header: str = postal.SIGNATURE) -> dict:
    algorithm = hashes.SHA256() if header == postal.SIGNATURE_256 else hashes.SHA1()
    return {header: base64.b64encode(PRIVATE.sign(body, padding.PKCS1v15(), algorithm)).decode()}


def post(event: str, **payload) -> dict:
    inside = {"message": MESSAGE} | payload
    return {"event": event, "timestamp": 1790000000.5, "uuid": "u-1", "payload": inside}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (post("MessageSent", status="Sent", output="250 OK"), ("delivered", None)),
        (post("MessageDelayed", output="451 4.7.1 greylisted"), ("deferred", "greylisted")),
        (post("MessageDeliveryFailed", output="550 5.1.1 no user"), ("bounced", "mailbox_missing")),
        (post("MessageHeld", details="on the suppression list"), ("dropped", "suppressed")),
        (post("MessageHeld", details="limit reached"), ("deferred", "our_server")),
        (
            post("MessageBounced", message=None, original_message=MESSAGE),
            ("bounced_soft", "unknown"),
        ),
        (post("MessageLinkClicked", url="https://x.test/"), ("clicked", None)),
        (post("MessageLoaded"), ("opened", None)),
        (post("MessageTeleported"), ("unknown", None)),
        ({"payload": {"message": MESSAGE, "status": "SoftFail"}}, ("deferred", "unknown")),
        ({"payload": {"original_message": MESSAGE, "bounce": {}}}, ("bounced_soft", "unknown")),
    ],
)
def test_its_words_become_ours(event, expected):
    found = report(PROVIDER, event)
    assert (verdict(found), found.token, found.address) == (expected, TOKEN, "ann@x.test")


def test_what_is_about_no_mail_of_ours_is_no_report():
    incoming = post("MessageDeliveryFailed", message=MESSAGE | {"direction": "incoming"})

    for event in (incoming, post("DomainDNSError"), post("SendLimitExceeded"), {"rcpt_to": "x"}):
        assert reports(PROVIDER, event) == []


@pytest.mark.parametrize("header", [postal.SIGNATURE, postal.SIGNATURE_256])
def test_only_what_the_server_signed_is_authentic(header):
    body = body_of(post("MessageSent"))
    other = rsa.generate_private_key(public_exponent=65537, key_size=1024)

    assert PROVIDER.is_authentic(body, signed(body, header), Keys(key_of()), clock.now())
    assert not PROVIDER.is_authentic(body, signed(body, header), Keys(key_of(other)), clock.now())
    assert not PROVIDER.is_authentic(body + b" ", signed(body, header), Keys(key_of()), clock.now())
    assert not PROVIDER.is_authentic(body, {header: "%%%"}, Keys(key_of()), clock.now())


def test_its_key_is_read_as_people_paste_it():
    body = body_of(post("MessageSent"))
    pem = f"-----BEGIN PUBLIC KEY-----\n{key_of()}\n-----END PUBLIC KEY-----\n"

    for pasted in (pem, pem.replace("\n", " "), f"v=DKIM1; t=s; h=sha256; p={key_of()};"):
        assert PROVIDER.is_authentic(body, signed(body), Keys(pasted), clock.now()), pasted


def test_repeats_have_one_id():
    assert PROVIDER.dedupe_key(body_of(post("A")), {}) == PROVIDER.dedupe_key(
        body_of(post("B")), {}
    )
    assert PROVIDER.dedupe_key(b"hello", {}) == PROVIDER.dedupe_key(b"hello", {})
