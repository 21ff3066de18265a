"""A report attached by hand counts like any other, and undoing it leaves no trace but the log."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from tests import makers
from webapp.accounts.models import AuditEntry
from webapp.delivery import attaching
from webapp.delivery.models import Arrival, ArrivalStage, Event, ParkedReport, Recipient
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.lib import clock
from webapp.mail.causes import Cause
from webapp.mail.reports import Report, ReportKind

pytestmark = pytest.mark.database


@pytest.fixture
def copy(cast) -> Recipient:
    form = makers.make_form(cast.workspace, [("Ann", "ann@x.test")])
    makers.start(makers.make_email(form, makers.make_connection(cast.workspace)))
    return db.session.scalar(select(Recipient))


@pytest.fixture
def parked(copy) -> ParkedReport:
    at = clock.now() - timedelta(minutes=1)
    report = Report(
        ReportKind.BOUNCED, None, "a@y.test", at, cause=Cause.MAILBOX_MISSING, reply="550 Nobody"
    )
    return makers.make_parked(copy.connection, report)


def shown(copy: Recipient) -> tuple:
    db.session.expire_all()
    return copy.status, copy.cause, copy.reply


def test_attached_it_raises_and_suppresses(cast, copy, parked) -> None:
    assert attaching.attach(parked, copy, cast.workspace, cast.alice)

    assert shown(copy) == (Status.BOUNCED, "mailbox_missing", "550 Nobody")
    assert makers.suppressed_addresses(cast.workspace) == ["ann@x.test"]
    assert db.session.scalar(select(Event.matched_by)) == "person"
    assert attaching.copy_of(parked) is copy
    entry = db.session.scalar(select(AuditEntry).where(AuditEntry.action == "report.attached"))
    assert (entry.user_name, entry.subject) == ("Alice", "a@y.test")


def test_undone_the_copy_is_what_it_was(cast, copy, parked) -> None:
    attaching.attach(parked, copy, cast.workspace, cast.alice)
    assert attaching.undo(parked, cast.workspace, cast.alice)

    assert shown(copy) == (Status.QUEUED, None, "")
    assert makers.suppressed_addresses(cast.workspace) == []
    assert (parked.settled_at, parked.event_id) == (None, None)
    assert attaching.copy_of(parked) is None


def test_it_can_be_attached_undone_and_attached_again(cast, copy, parked) -> None:
    for _ in range(2):
        attaching.attach(parked, copy, cast.workspace, cast.alice)
        attaching.undo(parked, cast.workspace, cast.alice)
    attaching.attach(parked, copy, cast.workspace, cast.alice)

    assert shown(copy)[0] is Status.BOUNCED
    counting = Event.superseded_at.is_(None)
    assert db.session.scalar(select(func.count(Event.id)).where(counting)) == 1


def test_who_comes_second_changes_nothing(cast, copy, parked) -> None:
    assert attaching.put_aside(parked, cast.workspace, cast.alice)
    assert not attaching.attach(parked, copy, cast.workspace, cast.bob)
    assert not attaching.put_aside(parked, cast.workspace, cast.bob)
    assert attaching.undo(parked, cast.workspace, cast.alice)
    assert not attaching.undo(parked, cast.workspace, cast.alice)

    assert shown(copy)[0] is Status.QUEUED


def test_what_another_report_proves_as_well_stays_suppressed(cast, copy, parked) -> None:
    again = parked.report | {"happened_at": clock.now().isoformat()}
    other = makers.make_parked(copy.connection)
    other.report = again
    attaching.attach(parked, copy, cast.workspace, cast.alice)
    attaching.attach(other, copy, cast.workspace, cast.alice)
    attaching.undo(parked, cast.workspace, cast.alice)

    assert shown(copy)[0] is Status.BOUNCED
    assert makers.suppressed_addresses(cast.workspace) == ["ann@x.test"]


def test_after_ninety_days_it_is_forgotten_and_nothing_else_is(cast, copy, parked) -> None:
    fresh = makers.make_parked(copy.connection)
    unread = makers.make_parked(copy.connection).arrival
    unread.stage = ArrivalStage.UNREADABLE
    parked.unmatched_at = unread.received_at = clock.now() - timedelta(days=91)
    db.session.commit()

    assert attaching.forget_old() == 2
    assert fresh.id in db.session.scalars(select(ParkedReport.id)).all()
    assert db.session.scalar(select(func.count(Arrival.id))) == 2  # digested ones stay
