"""Signatures are those of the specification, and what another implementation of it accepts."""

from datetime import UTC, datetime

from webapp.lib import standard_webhooks
from webapp.providers import resend
from webapp.providers.contract import Keys

AT = datetime.fromtimestamp(1614265330, UTC)


def test_the_known_answer_of_the_specification() -> None:
    headers = standard_webhooks.signed_headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        AT,
        b'{"test": 2432232314}',
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )

    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_either_of_two_secrets_proves_it() -> None:
    old, new, other = (standard_webhooks.new_secret() for _ in range(3))
    headers = standard_webhooks.signed_headers("msg_1", AT, b"{}", [new, old])

    accepted = [resend.is_authentic(b"{}", headers, Keys(key), AT) for key in (old, new, other)]

    assert accepted == [True, True, False]
