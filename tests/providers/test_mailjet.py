import pytest

from tests.providers.posts import BASIC, TOKEN, body_of, report, reports, verdict
from webapp.lib import clock
from webapp.providers import mailjet
from webapp.providers.contract import Keys

PROVIDER = mailjet.PROVIDER
EVENT = {
    "time": 1790000000,
    "MessageID": 19421777835146490,
    "email": "ann@x.test",
    "CustomID": TOKEN,
}


def failed(event: str, error: str, is_hard: bool = True) -> dict:
    return {"event": event, "error": error, "error_related_to": "x", "hard_bounce": is_hard}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"event": "sent", "smtp_reply": "250 OK"}, ("delivered", None)),
        (failed("bounce", "user unknown"), ("bounced", "mailbox_missing")),
        (failed("bounce", "invalid domain"), ("bounced", "domain_missing")),
        (failed("bounce", "quota exceeded", is_hard=False), ("bounced_soft", "mailbox_full")),
        (failed("bounce", "greylisted", is_hard=False), ("deferred", "greylisted")),
        (failed("bounce", "greylisted"), ("bounced", "greylisted")),
        (failed("bounce", "", is_hard=False), ("bounced_soft", "unknown")),
        (failed("blocked", "preblocked"), ("dropped", "suppressed")),
        (failed("blocked", "spam reporter"), ("dropped", "complained")),
        (failed("blocked", "typofix"), ("dropped", "invalid_address")),
        (failed("blocked", "content blocked"), ("dropped", "blocked_content")),
        (failed("blocked", "duplicate in campaign"), ("dropped", "duplicate")),
        ({"event": "spam"}, ("complained", None)),
        ({"event": "unsub"}, ("unsubscribed", None)),
        ({"event": "open"}, ("opened", None)),
        ({"event": "click", "url": "https://x.test/"}, ("clicked", None)),
        ({"event": "teleported"}, ("unknown", None)),
    ],
)
def test_its_words_become_ours(event, expected):
    assert verdict(report(PROVIDER, EVENT | event)) == expected


def test_an_array_or_one_bare():
    one = EVENT | {"event": "sent"}

    assert len(reports(PROVIDER, one)) == 1
    assert len(reports(PROVIDER, [one, one])) == 2


def test_the_copy_and_its_long_number():
    found = report(PROVIDER, EVENT | {"event": "sent"})
    assert (found.token, found.provider_message_id) == (TOKEN, "19421777835146490")


def test_the_password_in_the_address_is_the_proof():
    assert PROVIDER.is_authentic(body_of([]), BASIC, Keys("open sesame"), clock.now())
    assert not PROVIDER.is_authentic(body_of([]), BASIC, Keys("x"), clock.now())
