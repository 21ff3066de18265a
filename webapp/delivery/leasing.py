"""Who may send which copy now: leases with a fence, intents before the wire, outcomes after it.

The database's clock decides everything. A fence rises with every lease and every sweep; what a
worker says under an old fence is kept but changes nothing, except that a 250 is a 250.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, bindparam, exists, func, insert, or_, select, tuple_, update

from webapp.columns import database_now
from webapp.delivery import raising, suppressing
from webapp.delivery.models import Attempt, Recipient, Suppression
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.lib import clock
from webapp.mail.causes import Cause
from webapp.mail.conversation import Phase

WAITING = (Status.QUEUED, Status.RETRYING)
_LEASED = (
    Recipient.id,
    Recipient.fence,
    Recipient.workspace_id,
    Recipient.name,
    Recipient.address,
    Recipient.address_key,
    Recipient.merge_values,
    Recipient.generation,
    Recipient.attempt_count,
    Recipient.first_tried_at,
)


@dataclass(frozen=True)
class Outcome:
    """How one try ended: what the Attempt says alone, and when the next is due (if any)."""

    recipient_id: int
    fence: int
    generation: int
    phase: Phase
    code: int | None
    reply: str
    status: Status
    cause: Cause | None
    began_at: datetime
    next_try_at: datetime | None = None


def lease(bulk_email_id: int, owner: str, count: int, seconds: int) -> list[Row]:
    """Take up to `count` copies that are due for `seconds`; what is suppressed by now becomes
    withheld instead, in the same transaction. Not committed."""
    due = (
        select(Recipient.id)
        .where(
            Recipient.bulk_email_id == bulk_email_id,
            Recipient.status.in_(WAITING),
            Recipient.next_try_at <= database_now(),
            Recipient.in_flight_at.is_(None),
            or_(Recipient.lease_until.is_(None), Recipient.lease_until < database_now()),
        )
        .order_by(Recipient.next_try_at, Recipient.id)
        .limit(count)
        .with_for_update(skip_locked=True)
    )
    rows = db.session.execute(
        update(Recipient)
        .where(Recipient.id.in_(due.scalar_subquery()))
        .values(fence=Recipient.fence + 1, lease_owner=owner, lease_until=database_now(seconds))
        .returning(*_LEASED)
        .execution_options(synchronize_session=False)
    ).all()
    return _without_suppressed(sorted(rows, key=lambda row: row.id))


def _without_suppressed(rows: list[Row]) -> list[Row]:
    if not rows:
        return rows
    keys = sorted({row.address_key for row in rows if row.address_key})
    found = suppressing.suppressed(rows[0].workspace_id, keys)
    withheld = [row for row in rows if row.address_key in found]
    if withheld:
        raising.raise_statuses(
            raising.Change(
                row.id,
                Status.WITHHELD,
                suppressing.withholding_cause(found[row.address_key].cause),
                found[row.address_key].reason,
                is_decision=True,
            )
            for row in withheld
        )
        release([row.id for row in withheld])
    return [row for row in rows if row.address_key not in found]


def mark_in_flight(
    rows: Sequence[Row], *, may_send: object, workspace_id: int, seconds: int
) -> dict[int, datetime]:
    """The intent: of `rows` those that may go on the wire now, with the Date they first had.

    One UPDATE that sees pause, cancel, suppression and a lost lease; `may_send` is the condition
    that the email is still sending. What is not returned must not be sent. Not committed.
    """
    is_suppressed = exists().where(
        Suppression.workspace_id == workspace_id,
        Suppression.address_key == Recipient.address_key,
        Suppression.lifted_at.is_(None),
    )
    marked = db.session.execute(
        update(Recipient)
        .where(
            tuple_(Recipient.id, Recipient.fence).in_([(row.id, row.fence) for row in rows]),
            Recipient.lease_until > database_now(),
            Recipient.in_flight_at.is_(None),
            Recipient.status.in_(WAITING),
            may_send,
            ~is_suppressed,
        )
        .values(
            in_flight_at=database_now(),
            lease_until=database_now(seconds),
            first_tried_at=func.coalesce(Recipient.first_tried_at, database_now()),
        )
        .returning(Recipient.id, Recipient.first_tried_at)
        .execution_options(synchronize_session=False)
    ).all()
    return {row.id: row.first_tried_at for row in marked}


def renew(owner: str, seconds: int) -> None:
    """Keep what `owner` holds for `seconds` more from now. Not committed."""
    db.session.execute(
        update(Recipient)
        .where(Recipient.lease_owner == owner, Recipient.lease_until > database_now())
        .values(lease_until=database_now(seconds))
        .execution_options(synchronize_session=False)
    )


def record_outcomes(outcomes: Sequence[Outcome]) -> None:
    """Insert every Attempt, clear the mark where the fence still holds, raise the statuses.

    Under an old fence only a 250 raises; everything else is only recorded. Not committed.
    """
    if not outcomes:
        return
    outcomes = sorted(outcomes, key=lambda outcome: outcome.recipient_id)
    held = _clear_marks(outcomes)
    db.session.execute(
        insert(Attempt),
        [_attempt_row(outcome, outcome.recipient_id in held) for outcome in outcomes],
    )
    raising.raise_statuses(
        raising.Change(
            outcome.recipient_id,
            outcome.status,
            outcome.cause,
            outcome.reply,
            is_decision=outcome.status in (Status.UNCONFIRMED, Status.FAILED, Status.BOUNCED_SOFT),
        )
        for outcome in outcomes
        if outcome.recipient_id in held or outcome.status is Status.SENT
    )


def release(ids: Sequence[int]) -> None:
    """Give leased copies back unsent; nothing is counted as a try. Not committed."""
    db.session.execute(
        update(Recipient)
        .where(Recipient.id.in_(ids), Recipient.in_flight_at.is_(None))
        .values(lease_owner=None, lease_until=None)
        .execution_options(synchronize_session=False)
    )


def take_back(rows: Sequence[Row]) -> None:
    """Clear the mark of copies of which nothing went on the wire. Not committed."""
    db.session.execute(
        update(Recipient)
        .where(tuple_(Recipient.id, Recipient.fence).in_([(row.id, row.fence) for row in rows]))
        .values(in_flight_at=None, lease_owner=None, lease_until=None)
        .execution_options(synchronize_session=False)
    )


def sweep() -> list[int]:
    """Copies whose sender died while they were in flight become unconfirmed; the fence rises, so
    that a sender that only slept cannot undo it. Only this clears a dead mark. Not committed."""
    dead = (
        select(Recipient.id)
        .where(Recipient.lease_until < database_now(), Recipient.in_flight_at.is_not(None))
        .order_by(Recipient.id)
        .limit(1000)
        .with_for_update(skip_locked=True)
    )
    ids = db.session.scalars(
        update(Recipient)
        .where(Recipient.id.in_(dead.scalar_subquery()))
        .values(fence=Recipient.fence + 1, in_flight_at=None, lease_owner=None, lease_until=None)
        .returning(Recipient.id)
        .execution_options(synchronize_session=False)
    ).all()
    raising.raise_statuses(
        raising.Change(identity, Status.UNCONFIRMED, Cause.UNKNOWN, is_decision=True)
        for identity in sorted(ids)
    )
    return list(ids)


def _clear_marks(outcomes: Sequence[Outcome]) -> set[int]:
    """The ids whose fence is still theirs, their marks cleared and tries counted."""
    pairs = [(outcome.recipient_id, outcome.fence) for outcome in outcomes]
    held = set(
        db.session.scalars(
            update(Recipient)
            .where(tuple_(Recipient.id, Recipient.fence).in_(pairs))
            .values(
                in_flight_at=None,
                lease_owner=None,
                lease_until=None,
                attempt_count=Recipient.attempt_count + 1,
            )
            .returning(Recipient.id)
            .execution_options(synchronize_session=False)
        )
    )
    later = [
        {"b_id": outcome.recipient_id, "b_next": outcome.next_try_at}
        for outcome in outcomes
        if outcome.next_try_at and outcome.recipient_id in held
    ]
    if later:
        table = Recipient.__table__
        db.session.connection().execute(
            update(table)
            .where(table.c.id == bindparam("b_id"))
            .values(next_try_at=bindparam("b_next", type_=table.c.next_try_at.type)),
            later,
        )
    return held


def _attempt_row(outcome: Outcome, is_fence_valid: bool) -> dict:
    return {
        "recipient_id": outcome.recipient_id,
        "generation": outcome.generation,
        "fence": outcome.fence,
        "is_fence_valid": is_fence_valid,
        "phase": outcome.phase,
        "code": outcome.code,
        "reply": outcome.reply,
        "status": outcome.status,
        "cause": outcome.cause,
        "began_at": outcome.began_at,
        "ended_at": clock.now(),
    }
