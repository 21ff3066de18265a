"""What the clock does for sending, and that a database in doubt stands still."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from tests import makers
from webapp.bulk_email import jobs, scheduling
from webapp.bulk_email.models import BulkEmail
from webapp.delivery import adopting
from webapp.delivery.models import Doubt, SendingHost
from webapp.extensions import db
from webapp.lib import clock
from webapp.plugins import catalogue, installing

pytestmark = [pytest.mark.database, pytest.mark.redis]


@pytest.fixture
def due(cast) -> BulkEmail:
    """Scheduled, and its time has just come."""
    for name in ("bulk_email", "email_tracker"):
        installing.install(cast.workspace, catalogue.find(name), cast.alice)
    form = makers.make_form(cast.workspace, [("Ann", "ann@x.test")])
    email = makers.make_email(form, makers.make_connection(cast.workspace))
    at = clock.now() + timedelta(hours=5)
    scheduling.schedule(email, at=at, zone="UTC", by=cast.alice)
    db.session.execute(update(BulkEmail).values(scheduled_at=clock.now()))
    db.session.commit()
    return email


def stage_of(email: BulkEmail) -> str:
    db.session.expire_all()
    return email.stage


def test_the_clock_starts_what_is_due_and_tracks_it(app, due) -> None:
    jobs.tick()

    assert stage_of(due) == "preparing"
    assert due.tracked


def test_in_doubt_of_the_database_the_clock_starts_nothing(app, due) -> None:
    assert adopting.may_send(jobs.host())
    db.session.add(SendingHost(id="h", name="other", doubt=Doubt.RESTORED))
    db.session.commit()

    jobs.tick()
    jobs.drain()
    assert stage_of(due) == "scheduled"

    adopting.adopt(by=None)
    jobs.tick()
    assert stage_of(due) == "preparing"


def test_in_doubt_of_the_database_nobodys_tries_end(app, due) -> None:
    makers.start(due)
    due.deadline = clock.now() - timedelta(days=1)
    db.session.add(SendingHost(id="h", name="other", doubt=Doubt.RESTORED))
    db.session.commit()

    jobs.tick()
    assert makers.statuses(due) == {"ann@x.test": "queued"}
