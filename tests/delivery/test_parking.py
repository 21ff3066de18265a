"""Reports of copies that are not known yet: kept, tried after 1 min, 5 min, 1 h, then shown."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from tests import makers
from webapp.delivery import parking, recording, tokens
from webapp.delivery.models import Arrival, Event, ParkedReport, Recipient
from webapp.extensions import db
from webapp.lib import clock
from webapp.mail.causes import Cause
from webapp.mail.reports import Report, ReportKind

pytestmark = pytest.mark.database


@pytest.fixture
def arrival(cast) -> Arrival:
    connection = makers.make_connection(cast.workspace)
    made = Arrival(
        connection_id=connection.id,
        workspace_id=cast.workspace.id,
        provider="sandbox",
        body=b"[]",
        dedupe_key="1",
    )
    db.session.add(made)
    db.session.commit()
    return made


def park(arrival: Arrival, *reports: Report) -> None:
    parking.park(recording.record(recording.said_by(arrival, reports), makers.TOKEN_KEY))
    db.session.commit()


def bounced(copy_id: int = 4711) -> Report:
    """Of a copy that may or may not be there, with everything a Report can hold."""
    token = tokens.copy_token(makers.TOKEN_KEY, copy_id)
    at = clock.now() - timedelta(minutes=1)
    cause = Cause.MAILBOX_MISSING
    return Report(
        ReportKind.BOUNCED, token, "ann@x.test", at, cause=cause, reply="550", details={"a": "1"}
    )


def is_later(moment: datetime, delay: timedelta) -> bool:
    return abs(moment - clock.now() - delay) < timedelta(seconds=20)


def test_it_is_tried_again_later_and_later_and_then_shown(arrival) -> None:
    park(arrival, bounced())
    parked = db.session.scalar(select(ParkedReport))
    for delay in (timedelta(minutes=1), timedelta(minutes=5), timedelta(hours=1)):
        assert is_later(parked.next_try_at, delay)
        assert parking.try_again(makers.TOKEN_KEY) == 0  # not before its time
        parked.next_try_at = clock.now()
        db.session.commit()
        parking.try_again(makers.TOKEN_KEY)

    assert (parked.next_try_at, parked.unmatched_at is None) == (None, False)
    assert not parking.are_due()


def test_a_copy_that_appears_meanwhile_gets_its_event_whole(arrival, cast) -> None:
    park(arrival, bounced(copy_id=1))
    form = makers.make_form(cast.workspace, [("Ann", "ann@x.test")])
    makers.start(makers.make_email(form, db.session.get(makers.Connection, arrival.connection_id)))
    copy = db.session.scalar(select(Recipient))
    assert copy.id == 1
    db.session.scalar(select(ParkedReport)).next_try_at = clock.now()
    db.session.commit()

    assert parking.try_again(makers.TOKEN_KEY) == 1
    db.session.expire_all()
    event = db.session.scalar(select(Event))
    assert (copy.status, event.cause, event.details) == ("bounced", "mailbox_missing", {"a": "1"})
    assert event.arrival_id == arrival.id
    assert db.session.scalar(select(func.count(ParkedReport.id))) == 0


def test_parking_the_same_report_twice_is_once(arrival) -> None:
    for _ in range(2):
        park(arrival, bounced(), bounced(4712))

    assert db.session.scalar(select(func.count(ParkedReport.id))) == 2


@pytest.mark.parametrize(
    ("report", "why"),
    [
        (bounced(), "It names a copy that this workspace never sent."),
        (
            Report(ReportKind.BOUNCED, None, "no@x.test", None),
            "It names no copy, and in the seven days",
        ),
        (Report(ReportKind.BOUNCED, None, None, None), "It names neither a copy nor an address."),
    ],
)
def test_it_says_why_nobody_could_be_found(arrival, report: Report, why: str) -> None:
    park(arrival, report)

    assert db.session.scalar(select(ParkedReport.why)).startswith(why)


def test_a_test_mail_s_report_is_neither_kept_nor_parked(arrival) -> None:
    token = tokens.test_token(makers.TOKEN_KEY, 1)
    park(arrival, Report(ReportKind.DELIVERED, token, "me@x.test", None))

    assert db.session.scalar(select(func.count(ParkedReport.id))) == 0
