import base64

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.providers.posts import TOKEN, body_of, report, reports, verdict
from webapp.lib import clock
from webapp.providers import sendgrid
from webapp.providers.contract import Keys, Unreadable

PROVIDER = sendgrid.PROVIDER
EVENT = {
    "email": "ann@x.test", "timestamp": 1790000000, "smtp-id": f"<{TOKEN}@acme.test>",
    "sg_event_id": "ev-1", "sg_message_id": "Zq3xwAbC.recvd-55-1.0", "copy": TOKEN,
}  # fmt: skip
NO_USER = "550 5.1.1 no such user here"


def make_key() -> tuple[ec.EllipticCurvePrivateKey, str]:
    private = ec.generate_private_key(ec.SECP256R1())
    der = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private, base64.b64encode(der).decode()


def signed(private: ec.EllipticCurvePrivateKey, body: bytes, stamp: str = "1790000001") -> dict:
    signature = private.sign(stamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    return {sendgrid.SIGNATURE: base64.b64encode(signature).decode(), sendgrid.TIMESTAMP: stamp}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"event": "processed"}, ("processed", None)),
        ({"event": "delivered", "response": "250 OK"}, ("delivered", None)),
        ({"event": "deferred", "response": "450 4.2.1 greylisted"}, ("deferred", "greylisted")),
        ({"event": "bounce", "type": "bounce", "reason": NO_USER}, ("bounced", "mailbox_missing")),
        ({"event": "bounce", "reason": NO_USER}, ("bounced", "mailbox_missing")),
        ({"event": "bounce", "type": "expired", "reason": "gone"}, ("bounced_soft", "gave_up")),
        ({"event": "dropped", "reason": "Bounced Address"}, ("dropped", "suppressed")),
        ({"event": "dropped", "reason": "Unsubscribed Address"}, ("dropped", "unsubscribed")),
        ({"event": "dropped", "reason": "Spam Reporting Address"}, ("dropped", "complained")),
        ({"event": "dropped", "reason": "Invalid SMTPAPI header"}, ("dropped", "our_server")),
        ({"event": "dropped", "reason": "Invalid"}, ("dropped", "invalid_address")),
        ({"event": "open"}, ("opened", None)),
        ({"event": "click", "url": "https://x.test/"}, ("clicked", None)),
        ({"event": "spamreport"}, ("complained", None)),
        ({"event": "unsubscribe"}, ("unsubscribed", None)),
        ({"event": "group_unsubscribe"}, ("unsubscribed", None)),
        ({"event": "group_resubscribe"}, ("subscribed", None)),
        ({"event": "teleported"}, ("unknown", None)),
    ],
)  # fmt: skip
def test_its_words_become_ours(event, expected):
    assert verdict(report(PROVIDER, [EVENT | event])) == expected


def test_blocked_says_nothing_of_the_mailbox():
    event = {"event": "bounce", "type": "blocked", "reason": "550 5.7.1 listed at a block list"}

    assert verdict(report(PROVIDER, [EVENT | event])) == ("bounced_soft", "blocked_reputation")


def test_a_batch_is_read_whole():
    batch = [
        EVENT | {"event": "processed"},
        5,
        EVENT | {"event": "delivered", "email": "bo@x.test"},
    ]

    assert [found.address for found in reports(PROVIDER, batch)] == ["ann@x.test", "bo@x.test"]


def test_the_token_comes_back_or_is_found_in_the_message_id():
    without = {name: value for name, value in EVENT.items() if name != "copy"}

    assert report(PROVIDER, [EVENT]).token == TOKEN
    assert report(PROVIDER, [without]).token == TOKEN
    assert report(PROVIDER, [without | {"smtp-id": "<other@acme.test>"}]).token is None


def test_its_id_is_what_stands_in_the_smtp_answer():
    assert report(PROVIDER, [EVENT]).provider_message_id == "Zq3xwAbC"
    assert PROVIDER.message_id_in("250 Ok: queued as Zq3xwAbC") == "Zq3xwAbC"


def test_only_what_it_signed_is_authentic():
    private, key = make_key()
    body = body_of([EVENT]) + b"\r\n"
    headers = signed(private, body)

    assert PROVIDER.is_authentic(body, headers, Keys(key), clock.now())
    assert PROVIDER.is_authentic(body, headers, Keys(make_key()[1], key), clock.now())
    assert not PROVIDER.is_authentic(body.strip(), headers, Keys(key), clock.now())
    assert not PROVIDER.is_authentic(body, headers, Keys(make_key()[1]), clock.now())
    assert not PROVIDER.is_authentic(body, {}, Keys(key), clock.now())
    assert not PROVIDER.is_authentic(body, headers, Keys("no key at all"), clock.now())


def test_no_list_is_unreadable():
    with pytest.raises(Unreadable):
        PROVIDER.parse(b'{"event": "delivered"}', {})


@pytest.mark.parametrize(("said", "found"), [(True, "true"), (False, None)])
def test_an_open_by_a_machine_is_said_to_be_one(said, found) -> None:
    opened = report(PROVIDER, [EVENT | {"event": "open", "sg_machine_open": said}])

    assert opened.details.get("machine") == found
