"""The commands of an email: start, pause, resume, cancel, deadline, and those for single copies.

Each is one conditional update: whoever comes second changes nothing and gets False.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from webapp.accounts import auditing
from webapp.accounts.models import User
from webapp.bulk_email import audience, composing, freezing
from webapp.bulk_email.models import BulkEmail, PauseTopic, Stage
from webapp.columns import database_now
from webapp.delivery import following, leasing, raising, tallying
from webapp.delivery.models import Recipient, Tally
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.lib import clock
from webapp.mail.causes import Cause

TRY_FOR = timedelta(hours=72)
CHUNK = 1000


@dataclass(frozen=True)
class Note:
    """The line that a command leaves in the audit log, and so on the email's Activity tab."""

    action: str
    by: User | None
    details: Mapping[str, object] = field(default_factory=dict)


def start(
    bulk_email: BulkEmail,
    *,
    nonce: str,
    by: User | None,
    tracked: bool,
    try_for: timedelta | None = None,
) -> bool:
    """Freeze the email and begin to prepare it. False: this page, or another, did so before.

    Raises mail.merging.MergeError where the text cannot be compiled, forms.filtering.FilterError
    where nobody can be selected. Commits; then wake prepare.
    """
    composing.renew_filter(bulk_email)
    frozen, links = freezing.freeze(bulk_email), []
    if tracked:
        frozen, links = freezing.followed(frozen, bulk_email)
    ids = audience.selected(bulk_email).subquery()
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
        "deadline": _deadline(bulk_email, now, try_for),
        "scheduled_at": None,
        "pause_reason": "",
    }
    try:
        if not _move(bulk_email, (Stage.DRAFT, Stage.SCHEDULED), Stage.PREPARING, values):
            db.session.rollback()
            return False
        tallying.open_books(bulk_email.id)
        following.keep_links(bulk_email.id, links)
        _note(bulk_email, Note("email.sent", by, {"selected": expected}))
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        return False
    return True


def _deadline(bulk_email: BulkEmail, now: datetime, try_for: timedelta | None) -> datetime:
    if try_for is None and bulk_email.deadline and not bulk_email.scheduled_at:
        return bulk_email.deadline
    return now + (try_for or tries_for(bulk_email))


def tries_for(bulk_email: BulkEmail) -> timedelta:
    """How long after its start an email not yet started is tried: as it was said, or 72 h."""
    if bulk_email.deadline and bulk_email.scheduled_at:
        return bulk_email.deadline - bulk_email.scheduled_at
    return TRY_FOR


def pause(
    bulk_email: BulkEmail,
    by: User | None,
    reason: str = "",
    topic: PauseTopic = PauseTopic.CONNECTION,
) -> bool:
    """Nothing more goes out but the groups in hand. While preparing it is stored. `reason` is one
    sentence of what is wrong, where it was not a person. Commits."""
    note = Note("email.paused", by, {"reason": reason} if reason else {})
    values = {"pause_reason": reason, "pause_topic": topic}
    done = move(bulk_email, (Stage.SENDING,), Stage.PAUSED, values=values, note=note)
    return done or _want(bulk_email, Stage.PAUSED, note)


def resume(bulk_email: BulkEmail, by: User) -> bool:
    """Go on. Commits; then wake drain."""
    note = Note("email.resumed", by)
    values = {"pause_reason": "", "told_stopped_at": None}
    done = move(bulk_email, (Stage.PAUSED,), Stage.SENDING, values=values, note=note)
    return done or _want(bulk_email, None, note)


def cancel(bulk_email: BulkEmail, by: User) -> bool:
    """Send no more; what has not left is withheld, by jobs.withhold_rest. Commits."""
    note = Note("email.cancelled", by)
    done = move(
        bulk_email,
        (Stage.SENDING, Stage.PAUSED),
        Stage.CANCELLED,
        values={"finished_at": clock.now()},
        note=note,
    )
    return done or _want(bulk_email, Stage.CANCELLED, note)


def change_deadline(bulk_email: BulkEmail, at: datetime, by: User) -> bool:
    """Stop trying sooner or later than was said, while it runs. Commits."""
    details = {"from": _stamp(bulk_email.deadline), "to": _stamp(at)}
    stage = Stage(bulk_email.stage)
    if stage not in (Stage.PREPARING, Stage.SENDING, Stage.PAUSED):
        return False
    note = Note("email.deadline_changed", by, details)
    return move(bulk_email, (stage,), stage, values={"deadline": at}, note=note)


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


def count_waiting() -> int:
    """How many emails of the whole installation are on their way or have a time to go out."""
    stages = (Stage.SCHEDULED, Stage.PREPARING, Stage.SENDING)
    return db.session.scalar(select(func.count()).where(BulkEmail.stage.in_(stages))) or 0


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
        _move(bulk_email, (Stage.FINISHED,), Stage.SENDING, {"finished_at": None})
        _note(bulk_email, Note("email.sent_again", by, {"copies": len(again)}))
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
    if eligible:
        _note(bulk_email, Note("email.marked_as_sent", by, {"copies": len(eligible)}))
    db.session.commit()
    return len(eligible)


def move(
    bulk_email: BulkEmail, stages: Sequence[Stage], to: Stage, *, values: Mapping, note: Note
) -> bool:
    """Whether the email was in one of `stages` and is now in `to`, with a line in the audit log.
    Commits."""
    done = _move(bulk_email, stages, to, values)
    if done:
        _note(bulk_email, note)
    db.session.commit()
    return done


def _move(bulk_email: BulkEmail, stages: Sequence[Stage], to: Stage, values: Mapping) -> bool:
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


def _want(bulk_email: BulkEmail, stage: Stage | None, note: Note) -> bool:
    """Pause or cancel while preparing: stored, and applied in the commit that ends it. Commits."""
    done = db.session.execute(
        update(BulkEmail)
        .where(BulkEmail.id == bulk_email.id, BulkEmail.stage == Stage.PREPARING)
        .values(wanted_stage=stage, changed_at=clock.now())
        .execution_options(synchronize_session=False)
    )
    db.session.expire(bulk_email)
    if done.rowcount:
        tallying.touch(bulk_email.id)
        _note(bulk_email, note)
    db.session.commit()
    return done.rowcount == 1


def _note(bulk_email: BulkEmail, note: Note) -> None:
    auditing.note(
        note.action,
        workspace=bulk_email.workspace,
        by=note.by,
        subject=bulk_email,
        name=bulk_email.subject,
        **note.details,
    )


def _stamp(at: datetime | None) -> str:
    return at.isoformat(timespec="seconds") if at else ""
