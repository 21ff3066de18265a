"""The commands of an email: start, schedule, pause, resume, cancel, and those for single copies.

Each is one conditional update: whoever comes second changes nothing and gets False.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from webapp.accounts import auditing
from webapp.accounts.models import User
from webapp.bulk_email import freezing
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.columns import database_now
from webapp.delivery import leasing, raising, tallying
from webapp.delivery.models import Recipient, Tally
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.forms import filtering
from webapp.lib import clock
from webapp.mail.causes import Cause

TRY_FOR = timedelta(hours=72)
CHUNK = 1000


def start(bulk_email: BulkEmail, *, nonce: str, by: User | None, tracked: bool) -> bool:
    """Freeze the email and begin to prepare it. False: this page, or another, did so before.

    Raises mail.merging.MergeError where the text cannot be compiled. Commits; then wake prepare.
    """
    frozen = freezing.freeze(bulk_email)
    ids = filtering.selected_records(bulk_email.form, bulk_email.filter).subquery()
    last, expected = db.session.execute(select(func.max(ids.c.id), func.count())).one()
    now = clock.now()
    values = {
        "nonce": nonce,
        "template": frozen,
        "tracked": tracked,
        "prepare_until": last or 0,
        "prepared_to": 0,
        "expected": expected,
        "started_at": now,
        "started_by_id": by.id if by else bulk_email.started_by_id,
        "deadline": bulk_email.deadline or now + TRY_FOR,
        "scheduled_at": None,
    }
    try:
        if not _move(bulk_email, (Stage.DRAFT, Stage.SCHEDULED), Stage.PREPARING, **values):
            return False
        tallying.open_books(bulk_email.id)
        _note("email.sent", bulk_email, by, selected=expected)
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        return False
    return True


def schedule(bulk_email: BulkEmail, *, at: datetime, by: User) -> bool:
    """Send at a time to come; until then it can be taken back to a draft. Commits."""
    freezing.freeze(bulk_email)  # what cannot be compiled is refused now, not at night
    done = _move(
        bulk_email,
        (Stage.DRAFT, Stage.SCHEDULED),
        Stage.SCHEDULED,
        scheduled_at=at,
        started_by_id=by.id,
    )
    return _done(done, "email.scheduled", bulk_email, by, at=at.isoformat())


def unschedule(bulk_email: BulkEmail, by: User) -> bool:
    """Back to a draft. Commits."""
    done = _move(bulk_email, (Stage.SCHEDULED,), Stage.DRAFT, scheduled_at=None)
    return _done(done, "email.unscheduled", bulk_email, by)


def pause(bulk_email: BulkEmail, by: User | None, reason: str = "") -> bool:
    """Nothing more goes out but the groups in hand. While preparing it is stored. Commits."""
    done = _move(bulk_email, (Stage.SENDING,), Stage.PAUSED, pause_reason=reason)
    done = done or _want(bulk_email, Stage.PAUSED)
    return _done(done, "email.paused", bulk_email, by, reason=reason)


def resume(bulk_email: BulkEmail, by: User) -> bool:
    """Go on. Commits; then wake drain."""
    done = _move(bulk_email, (Stage.PAUSED,), Stage.SENDING, pause_reason="")
    done = done or _want(bulk_email, None)
    return _done(done, "email.resumed", bulk_email, by)


def cancel(bulk_email: BulkEmail, by: User) -> bool:
    """Send no more; what has not left is withheld, by jobs.withhold_rest. Commits."""
    now = clock.now()
    done = _move(
        bulk_email, (Stage.SENDING, Stage.PAUSED), Stage.CANCELLED, finished_at=now
    ) or _want(bulk_email, Stage.CANCELLED)
    return _done(done, "email.cancelled", bulk_email, by)


def withhold_some(bulk_email_id: int) -> int:
    """Withhold a chunk of what a cancelled email still has waiting; how many. Commits."""
    ids = db.session.scalars(
        select(Recipient.id)
        .join(BulkEmail, BulkEmail.id == Recipient.bulk_email_id)
        .where(
            BulkEmail.id == bulk_email_id,
            BulkEmail.stage == Stage.CANCELLED,
            Recipient.status.in_(leasing.WAITING),
            Recipient.in_flight_at.is_(None),
        )
        .limit(CHUNK)
    ).all()
    raising.raise_statuses(
        raising.Change(identity, Status.WITHHELD, Cause.CANCELLED, is_decision=True)
        for identity in ids
    )
    db.session.commit()
    return len(ids)


def finish_if_done(bulk_email_id: int) -> bool:
    """Nothing queued, retrying or in flight any more: the email is finished. Commits."""
    nothing_waits = (
        select(Tally.bulk_email_id)
        .where(Tally.bulk_email_id == bulk_email_id, Tally.queued == 0, Tally.retrying == 0)
        .exists()
    )
    done = db.session.execute(
        update(BulkEmail)
        .where(BulkEmail.id == bulk_email_id, BulkEmail.stage == Stage.SENDING, nothing_waits)
        .values(stage=Stage.FINISHED, finished_at=clock.now())
        .execution_options(synchronize_session=False)
    )
    if done.rowcount:
        tallying.touch(bulk_email_id)
    db.session.commit()
    return done.rowcount == 1


def send_again(bulk_email: BulkEmail, ids: Sequence[int], by: User | None) -> int:
    """Put unconfirmed copies, and those that failed on our side, back to queued under a new
    generation, with the same Message-ID. Never one at sent or above, and never of a cancelled
    email. How many. Commits; then wake drain."""
    if bulk_email.stage == Stage.CANCELLED:
        return 0
    eligible = db.session.execute(
        update(Recipient)
        .where(
            Recipient.id.in_(ids),
            Recipient.bulk_email_id == bulk_email.id,
            Recipient.status.in_((Status.UNCONFIRMED, Status.FAILED)),
            func.coalesce(Recipient.cause, "") != Cause.INVALID_ADDRESS,
            Recipient.in_flight_at.is_(None),
        )
        .values(generation=Recipient.generation + 1, decision=None, next_try_at=database_now())
        .returning(Recipient.id)
        .execution_options(synchronize_session=False)
    ).scalars()
    again = {identity: (Status.QUEUED, None, "") for identity in eligible}
    raising.set_statuses(again)
    if again:
        _move(bulk_email, (Stage.FINISHED,), Stage.SENDING, finished_at=None)
        _note("email.sent_again", bulk_email, by, copies=len(again))
    db.session.commit()
    return len(again)


def mark_as_sent(bulk_email: BulkEmail, ids: Sequence[int], by: User) -> int:
    """A person knows that unconfirmed copies have left. How many. Commits."""
    eligible = db.session.scalars(
        select(Recipient.id).where(
            Recipient.id.in_(ids),
            Recipient.bulk_email_id == bulk_email.id,
            Recipient.status == Status.UNCONFIRMED,
        )
    ).all()
    raising.raise_statuses(
        raising.Change(identity, Status.SENT, is_decision=True) for identity in eligible
    )
    _note("email.marked_as_sent", bulk_email, by, copies=len(eligible))
    db.session.commit()
    return len(eligible)


def _move(bulk_email: BulkEmail, stages: Sequence[Stage], to: Stage, **values) -> bool:
    done = db.session.execute(
        update(BulkEmail)
        .where(BulkEmail.id == bulk_email.id, BulkEmail.stage.in_(stages))
        .values(stage=to, changed_at=clock.now(), **values)
        .execution_options(synchronize_session=False)
    )
    if done.rowcount:
        db.session.expire(bulk_email)
        tallying.touch(bulk_email.id)
    return done.rowcount == 1


def _want(bulk_email: BulkEmail, stage: Stage | None) -> bool:
    """Pause or cancel while preparing: stored, and applied in the commit that ends it."""
    done = db.session.execute(
        update(BulkEmail)
        .where(BulkEmail.id == bulk_email.id, BulkEmail.stage == Stage.PREPARING)
        .values(wanted_stage=stage, changed_at=clock.now())
        .execution_options(synchronize_session=False)
    )
    db.session.expire(bulk_email)
    return done.rowcount == 1


def _done(done: bool, action: str, bulk_email: BulkEmail, by: User | None, **details) -> bool:
    if done:
        _note(action, bulk_email, by, **details)
    db.session.commit()
    return done


def _note(action: str, bulk_email: BulkEmail, by: User | None, **details) -> None:
    auditing.note(
        action,
        workspace=bulk_email.workspace,
        by=by,
        subject=bulk_email,
        name=bulk_email.subject,
        **details,
    )
