"""Reports that nobody could match: attached to a copy by a person, or put aside; and undone."""

from datetime import timedelta

from sqlalchemy import and_, delete, literal_column, select, update

from webapp.accounts import auditing
from webapp.accounts.models import User, Workspace
from webapp.delivery import parking, recomputing, recording, superseding
from webapp.delivery.models import Arrival, Event, ParkedReport, Recipient
from webapp.extensions import db
from webapp.lib import clock

KEPT_FOR = timedelta(days=90)
UNREADABLE = literal_column("'unreadable'")  # in the very words of its partial index
UNDONE = "The report that caused it was taken off its copy again"


def attach(parked: ParkedReport, copy: Recipient, workspace: Workspace, by: User) -> bool:
    """The report speaks of this copy: an Event with its full effect, suppression included. False:
    somebody has dealt with it before. Commits."""
    if not _settle(parked, by):
        db.session.rollback()
        return False
    event_id = recording.record_by_hand(parking.said_of(parked, parked.arrival), copy.id)
    db.session.execute(
        update(ParkedReport).where(ParkedReport.id == parked.id).values(event_id=event_id)
    )
    _note("report.attached", parked, workspace, by, copy=copy.id)
    db.session.commit()
    return True


def put_aside(parked: ParkedReport, workspace: Workspace, by: User) -> bool:
    """It is of no use, or nobody's. False: somebody has dealt with it before. Commits."""
    done = _settle(parked, by)
    if done:
        _note("report.put_aside", parked, workspace, by)
    db.session.commit()
    return done


def undo(parked: ParkedReport, workspace: Workspace, by: User) -> bool:
    """As if it had never been dealt with: the copy is what it was. False: it is undone. Commits."""
    event_id = parked.event_id
    done = db.session.execute(
        update(ParkedReport)
        .where(ParkedReport.id == parked.id, ParkedReport.settled_at.is_not(None))
        .values(settled_at=None, settled_by_id=None, event_id=None)
        .execution_options(synchronize_session=False)
    )
    if not done.rowcount:
        db.session.rollback()
        return False
    if event_id:
        copies = superseding.supersede([event_id])
        superseding.lift_what_they_caused([event_id], UNDONE)
        recomputing.recompute(copies)
    _note("report.taken_back", parked, workspace, by)
    db.session.commit()
    return True


def copy_of(parked: ParkedReport) -> Recipient | None:
    """The copy that a report was attached to."""
    event = db.session.get(Event, parked.event_id) if parked.event_id else None
    return db.session.get(Recipient, event.recipient_id) if event else None


def forget_old(most: int = 1000) -> int:
    """What could not be matched, or not be read, is kept for 90 days. How many went. Commits."""
    then = clock.now() - KEPT_FOR
    gone = 0
    for model, is_old in (
        (ParkedReport, ParkedReport.unmatched_at < then),
        (Arrival, and_(Arrival.stage == UNREADABLE, Arrival.received_at < then)),
    ):
        ids = db.session.scalars(select(model.id).where(is_old).limit(most)).all()
        if ids:
            db.session.execute(delete(model).where(model.id.in_(ids)))
        gone += len(ids)
    db.session.commit()
    return gone


def _settle(parked: ParkedReport, by: User) -> bool:
    done = db.session.execute(
        update(ParkedReport)
        .where(ParkedReport.id == parked.id, ParkedReport.settled_at.is_(None))
        .values(settled_at=clock.now(), settled_by_id=by.id, next_try_at=None)
        .execution_options(synchronize_session=False)
    )
    db.session.expire(parked)
    return done.rowcount == 1


def _note(action: str, parked: ParkedReport, workspace: Workspace, by: User, **details) -> None:
    address = parked.report.get("address") or ""
    auditing.note(action, workspace=workspace, by=by, subject=parked, name=address, **details)
