import pytest

from tests.providers.posts import BASIC, TOKEN, body_of, report, reports, verdict
from webapp.lib import clock
from webapp.providers import brevo
from webapp.providers.contract import Keys

PROVIDER = brevo.PROVIDER
EVENT = {
    "email": "ann@x.test", "ts_epoch": 1790000000123, "ts": 1790003600, "date": "2026-09-22 02:00",
    "message-id": "<2026.17@relay.test>", "X-Mailin-custom": f'{{"copy": "{TOKEN}"}}',
}  # fmt: skip


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"event": "request"}, ("processed", None)),
        ({"event": "delivered"}, ("delivered", None)),
        ({"event": "deferred", "reason": "452 4.2.2 full"}, ("deferred", "mailbox_full")),
        ({"event": "soft_bounce", "reason": "452 4.2.2 full"}, ("bounced_soft", "mailbox_full")),
        ({"event": "hard_bounce", "reason": "x: 550 5.1.1 no"}, ("bounced", "mailbox_missing")),
        ({"event": "blocked", "reason": "on a list"}, ("dropped", "suppressed")),
        ({"event": "invalid_email"}, ("dropped", "invalid_address")),
        ({"event": "error"}, ("dropped", "our_server")),
        ({"event": "spam"}, ("complained", None)),
        ({"event": "complaint"}, ("complained", None)),
        ({"event": "unsubscribe"}, ("unsubscribed", None)),
        ({"event": "list_addition"}, ("subscribed", None)),
        ({"event": "opened"}, ("opened", None)),
        ({"event": "unique_opened"}, ("opened", None)),
        ({"event": "click", "link": "https://x.test/"}, ("clicked", None)),
        ({"event": "contact_deleted"}, ("unknown", None)),
    ],
)
def test_its_words_become_ours(event, expected):
    assert verdict(report(PROVIDER, EVENT | event)) == expected


def test_opens_by_a_proxy_are_marked_as_a_machines():
    assert report(PROVIDER, EVENT | {"event": "proxy_open"}).details == {"machine": "true"}
    assert report(PROVIDER, EVENT | {"event": "opened"}).details == {}


def test_one_event_or_a_batch_of_them():
    batch = [EVENT | {"event": "delivered"}, EVENT | {"event": "opened"}]

    assert [found.kind for found in reports(PROVIDER, batch)] == ["delivered", "opened"]
    assert reports(PROVIDER, {"items": []}) == []  # a mail to us


def test_the_copy_and_the_one_time_that_is_utc():
    found = report(PROVIDER, EVENT | {"event": "delivered"})

    assert (found.token, found.provider_message_id) == (TOKEN, "<2026.17@relay.test>")
    assert found.happened_at.timestamp() == pytest.approx(1790000000.123)
    assert PROVIDER.message_id_in("250 2.0.0 OK: queued as <2026.17@relay.test>") == (
        "<2026.17@relay.test>"
    )
    for custom in (None, 5, "no json", '"text"', "[]"):
        assert report(PROVIDER, EVENT | {"X-Mailin-custom": custom}).token is None


def test_trouble_of_ours_is_the_one_answer_after_which_it_comes_again():
    assert PROVIDER.try_later == 429
    assert PROVIDER.try_later not in PROVIDER.stops
    assert {400, 404, 500, 503} <= set(PROVIDER.stops)


def test_password_or_bearer_is_the_proof():
    body, keys = body_of(EVENT), Keys("open sesame")

    assert PROVIDER.is_authentic(body, BASIC, keys, clock.now())
    assert PROVIDER.is_authentic(body, {"authorization": "Bearer open sesame"}, keys, clock.now())
    assert not PROVIDER.is_authentic(body, {"authorization": "Bearer x"}, keys, clock.now())
