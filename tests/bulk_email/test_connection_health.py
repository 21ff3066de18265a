"""What is said of the way back of a Connection."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from tests import makers
from webapp import providers
from webapp.bulk_email import connection_health, listing, sending
from webapp.bulk_email.models import BulkEmail
from webapp.delivery import raising
from webapp.delivery.models import Connection, Recipient, Tally
from webapp.delivery.models_return import ReturnWay
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.lib import clock
from webapp.plugins import catalogue, installing

pytestmark = pytest.mark.database


@pytest.fixture
def connection(cast) -> Connection:
    return makers.make_connection(cast.workspace, provider="sendgrid", hook_secret="a key")


def said(connection: Connection) -> list[tuple[str, str]]:
    provider = providers.BY_NAME[connection.provider]
    found = connection_health.findings(connection, provider, clock.now())
    return [(finding.level.value, finding.text) for finding in found]


def send(cast, connection: Connection, copies: int, minutes_ago: int) -> None:
    """An email whose copies were accepted, and of which nothing was heard."""
    people = [(f"P{number}", f"p{number}@x.test") for number in range(copies)]
    bulk_email = makers.make_email(makers.make_form(cast.workspace, people), connection)
    makers.start(bulk_email)
    ids = [row.id for row in db.session.query(Recipient).filter_by(bulk_email_id=bulk_email.id)]
    raising.raise_statuses(raising.Change(each, Status.SENT) for each in ids)
    at = clock.now() - timedelta(minutes=minutes_ago)
    db.session.execute(update(BulkEmail).where(BulkEmail.id == bulk_email.id).values(started_at=at))
    db.session.commit()


def test_a_new_connection_asks_for_a_key_then_for_a_test(connection):
    assert said(connection) == [("wait", "No event yet.")]

    connection.hook_secret = None
    assert said(connection) == [("bad", "There is no key yet, so every event is refused.")]


def test_copies_without_any_event_tell_that_the_hook_is_not_set_up(cast, connection):
    send(cast, connection, copies=3, minutes_ago=5)
    assert said(connection) == [("wait", "No event yet.")]

    send(cast, connection, copies=4, minutes_ago=60)
    assert said(connection) == [("bad", "No event for 4 copies sent: the hook is not set up.")]


def test_the_last_event_is_good_news_until_copies_stay_silent(cast, connection):
    connection.last_event_at = clock.now() - timedelta(hours=2)
    send(cast, connection, copies=2, minutes_ago=180)
    assert said(connection) == [("ok", "Last event")]

    send(cast, connection, copies=3, minutes_ago=60)
    assert said(connection) == [("bad", "No event for 3 copies sent since the last one")]


def test_refused_signatures_are_counted_and_come_first(connection):
    connection.refused_signatures, connection.last_refused_at = 3, clock.now()
    connection.last_event_at = clock.now() - timedelta(minutes=2)

    assert said(connection) == [
        ("bad", "3 refused signatures since the key was set"),
        ("ok", "Last event"),
    ]


def test_a_confirmation_is_followed(connection):
    connection.confirm_url = "https://sns.eu-west-1.amazonaws.com/"
    assert ("wait", "The subscription is being confirmed.") in said(connection)

    connection.confirm_error = "it answered 500"
    assert said(connection)[0][1] == "The subscription could not be confirmed: it answered 500"

    connection.confirm_error, connection.confirm_url = "", None
    connection.confirmed_at = clock.now()
    assert ("ok", "The subscription is confirmed.") in said(connection)


def test_a_server_that_reports_nothing_says_so(connection):
    connection.provider = "smtp"
    assert [level for level, _ in said(connection)] == ["wait"]


def test_a_plain_server_with_a_bounce_address_is_waited_for(cast, connection, sign_in):
    """Its notices come hours later, so pages go on asking."""
    installing.install(cast.workspace, catalogue.find("bulk_email"), cast.alice)
    connection.provider = "smtp"
    send(cast, connection, copies=2, minutes_ago=1)
    bulk_email = db.session.scalar(select(BulkEmail))
    sending.finish_if_done(bulk_email.id)
    tally = db.session.get(Tally, bulk_email.id)
    page = "/w/acme/connections"
    assert listing.is_settled(bulk_email, tally)
    assert "reports nothing" in sign_in(cast.alice).get(page).text

    db.session.add(ReturnWay(connection_id=connection.id, address="back@acme.test"))
    db.session.commit()
    db.session.expire_all()

    assert not listing.is_settled(bulk_email, tally)
    assert "Nothing has come back to back@acme.test" in sign_in(cast.alice).get(page).text


@pytest.mark.parametrize(
    ("hook", "said"),
    [
        ("http://127.0.0.1:8000/hooks/x", "cannot reach this address"),
        ("https://10.1.2.3/hooks/x", "cannot reach this address"),
        ("https://mailbox/hooks/x", "cannot reach this address"),
        ("http://mail.harbour.org/hooks/x", "unencrypted"),
        ("https://mail.harbour.org/hooks/x", ""),
    ],
)
def test_a_hook_that_no_provider_reaches_is_told(hook: str, said: str) -> None:
    words = connection_health.about_hook(hook, providers.BY_NAME["sendgrid"])
    assert words == "" if not said else said in words
    assert connection_health.about_hook("http://127.0.0.1/x", providers.BY_NAME["sandbox"]) == ""
