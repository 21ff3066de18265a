"""What the clock mends: dead marks, deadlines, emails that are done."""

from datetime import timedelta

from sqlalchemy import select

from webapp.accounts.models import UnconfirmedPolicy, Workspace
from webapp.bulk_email import sending
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.columns import database_now
from webapp.delivery import leasing, raising, wearying
from webapp.delivery.models import Recipient
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.mail.causes import Cause

SEND_AGAIN_AFTER = timedelta(minutes=15)
CHUNK = 1000


def sweep() -> int:
    """Copies in flight whose sender is dead become unconfirmed; emails that are done by that are
    finished. How many. Commits."""
    swept = leasing.sweep()
    db.session.commit()
    for email_id in _in_stage(Stage.SENDING):
        sending.finish_if_done(email_id)
    return len(swept)


def expire() -> int:
    """Past an email's deadline nothing is tried any more: what was tried is bounced softly with
    its last cause, what never was has failed. How many. Commits."""
    rows = db.session.execute(
        select(Recipient.id, Recipient.status, Recipient.cause, Recipient.reply)
        .join(BulkEmail, BulkEmail.id == Recipient.bulk_email_id)
        .where(
            BulkEmail.stage.in_((Stage.SENDING, Stage.PAUSED)),
            BulkEmail.deadline < database_now(),
            Recipient.status.in_(leasing.WAITING),
            Recipient.in_flight_at.is_(None),
        )
        .limit(CHUNK)
    ).all()
    raising.raise_statuses(_expired(row) for row in rows)
    wearying.pause_weary([row.id for row in rows])
    db.session.commit()
    return len(rows)


def _expired(row) -> raising.Change:
    is_ours = row.status is Status.QUEUED or row.cause == Cause.OUR_SERVER
    status = Status.FAILED if is_ours else Status.BOUNCED_SOFT
    cause = Cause(row.cause) if row.cause else Cause.GAVE_UP
    return raising.Change(row.id, status, cause, row.reply, is_decision=True)


def send_unconfirmed_again() -> int:
    """In workspaces that chose so, copies in doubt for a quarter of an hour go once more."""
    rows = db.session.execute(
        select(Recipient.bulk_email_id, Recipient.id)
        .join(Workspace, Workspace.id == Recipient.workspace_id)
        .join(BulkEmail, BulkEmail.id == Recipient.bulk_email_id)
        .where(
            Workspace.unconfirmed_policy == UnconfirmedPolicy.SEND_AGAIN,
            BulkEmail.stage.in_((Stage.SENDING, Stage.FINISHED)),
            Recipient.status == Status.UNCONFIRMED,
            Recipient.changed_at < database_now(-SEND_AGAIN_AFTER.total_seconds()),
        )
        .limit(CHUNK)
    ).all()
    again = 0
    for email_id in sorted({row.bulk_email_id for row in rows}):
        bulk_email = db.session.get_one(BulkEmail, email_id)
        ids = [row.id for row in rows if row.bulk_email_id == email_id]
        again += sending.send_again(bulk_email, ids, by=None)
    return again


def waiting_emails() -> dict[Stage, list[int]]:
    """Emails that want a worker, by stage: preparing, sending, and cancelled with copies left."""
    cancelled = db.session.scalars(
        select(Recipient.bulk_email_id)
        .join(BulkEmail, BulkEmail.id == Recipient.bulk_email_id)
        .where(BulkEmail.stage == Stage.CANCELLED, Recipient.status.in_(leasing.WAITING))
        .distinct()
    ).all()
    return {
        Stage.PREPARING: _in_stage(Stage.PREPARING),
        Stage.SENDING: _in_stage(Stage.SENDING),
        Stage.CANCELLED: list(cancelled),
    }


def _in_stage(stage: Stage) -> list[int]:
    return list(db.session.scalars(select(BulkEmail.id).where(BulkEmail.stage == stage)))
