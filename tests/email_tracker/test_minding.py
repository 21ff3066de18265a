"""A provider that falls silent is told to admins, once, and again after it was heard."""

from datetime import timedelta

import pytest

from tests import makers
from webapp.accounts.models import Letter
from webapp.accounts.models_telling import Tiding
from webapp.accounts.telling import Means
from webapp.bulk_email.models import BulkEmail
from webapp.delivery.models import Connection, Tally
from webapp.email_tracker import minding
from webapp.extensions import db
from webapp.lib import clock
from webapp.plugins import catalogue, installing

pytestmark = pytest.mark.database
MEANS = Means("https://app.test", makers.TOKEN_KEY, has_mail_server=True)


@pytest.fixture
def connection(cast) -> Connection:
    """An hour ago 10 copies went over it, and nothing was heard."""
    for name in ("bulk_email", "email_tracker"):
        installing.install(cast.workspace, catalogue.find(name), cast.alice)
    made = makers.make_connection(cast.workspace)
    email = makers.make_email(makers.make_form(cast.workspace, [("Ann", "ann@x.test")]), made)
    makers.start(email)
    email.started_at = clock.now() - timedelta(hours=1)
    db.session.get(Tally, email.id).sent = 10
    db.session.commit()
    return made


def look(connection: Connection, **values) -> int:
    """How many tidings there are after a look at the Connection as it is with `values`."""
    for name, value in values.items():
        setattr(connection, name, value)
    db.session.commit()
    minding.look(connection.id, MEANS)
    return db.session.query(Tiding).count()


def test_silence_is_told_to_admins_once(cast, connection) -> None:
    assert [look(connection), look(connection)] == [1, 1]

    tiding = db.session.query(Tiding).one()
    assert tiding.user_id == cast.alice.id
    assert "10 copies were handed over" in tiding.text
    assert db.session.query(Letter).one().address == "alice@example.org"


def test_the_page_that_it_speaks_of_is_there(cast, connection, sign_in) -> None:
    look(connection)

    assert sign_in(cast.alice).get(db.session.query(Tiding.path).scalar()).status_code == 200


def test_it_is_told_again_when_it_had_been_heard_and_a_day_has_passed(connection) -> None:
    look(connection)
    hours_ago = clock.now() - timedelta(hours=2)

    assert look(connection, last_event_at=hours_ago) == 1  # it was told just now
    long_ago = clock.now() - timedelta(days=2)
    assert look(connection, trouble_told_at=long_ago, last_event_at=hours_ago) == 2


def test_refused_signatures_are_told(connection) -> None:
    now = clock.now()
    values = {"last_event_at": now - timedelta(minutes=1), "last_refused_at": now}

    assert look(connection, refused_signatures=2, **values) == 0
    assert look(connection, refused_signatures=3, **values) == 1
    assert "signatures do not fit" in db.session.query(Tiding.text).scalar()


@pytest.mark.parametrize("minutes", [5, 60 * 24 * 4])
def test_what_began_just_now_or_long_ago_is_no_sign(connection, minutes) -> None:
    db.session.query(BulkEmail).one().started_at = clock.now() - timedelta(minutes=minutes)

    assert look(connection) == 0


def test_it_is_looked_at_every_ten_minutes(connection) -> None:
    assert minding.due() == [connection.id]
    look(connection)

    assert minding.due() == []
    connection.looked_at = clock.now() - timedelta(minutes=11)
    assert minding.due() == [connection.id]


def test_without_the_tracker_nobody_waits_for_events(cast, connection) -> None:
    plugin = catalogue.find("email_tracker")
    installing.uninstall(cast.workspace, plugin, cast.alice)

    assert look(connection) == 0
