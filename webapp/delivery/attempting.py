"""What became of tries of ours: the Attempts, and the statuses that follow from them.

What a worker says under an old fence is kept but changes nothing, except that a 250 is a 250.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, select

from webapp import rows as many
from webapp.delivery import leasing, raising, tallying
from webapp.delivery.models import Attempt, Recipient
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.mail.causes import Cause
from webapp.mail.transactions import Phase

_DECISIONS = (Status.UNCONFIRMED, Status.FAILED, Status.BOUNCED_SOFT)
_LOCKED = (
    Recipient.id,
    Recipient.bulk_email_id,
    Recipient.status,
    Recipient.fence,
    Recipient.in_flight_at,
    Recipient.sent_at,
    Recipient.attempt_count,
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one try ended: what the Attempt says alone, and when the next is due (if any)."""

    recipient_id: int
    address: str
    fence: int
    generation: int
    phase: Phase
    code: int | None
    reply: str
    status: Status
    cause: Cause | None
    began_at: datetime
    ended_at: datetime
    next_try_at: datetime | None = None
    provider_message_id: str | None = None


def record(outcomes: Sequence[Outcome]) -> None:
    """Insert every Attempt, clear the mark where the fence still holds, raise the statuses.

    Under an old fence only a 250 raises; everything else is only recorded. Not committed.
    """
    if not outcomes:
        return
    outcomes = sorted(outcomes, key=lambda outcome: outcome.recipient_id)
    locked = {
        row.id: row
        for row in db.session.execute(
            select(*_LOCKED)
            .where(leasing.among([outcome.recipient_id for outcome in outcomes]))
            .order_by(Recipient.id)
            .with_for_update()
        )
    }
    outcomes = [outcome for outcome in outcomes if outcome.recipient_id in locked]
    held, late = [], []
    for outcome in outcomes:
        row = locked[outcome.recipient_id]
        is_held = row.fence == outcome.fence and row.in_flight_at is not None
        (held if is_held else late).append((outcome, row))
    _insert_attempts(held, late)
    _raise_waiting([(said, row) for said, row in held if row.status in leasing.WAITING])
    overtaken = [(said, row) for said, row in held if row.status not in leasing.WAITING]
    _clear_marks(overtaken)
    raising.raise_statuses(
        [_change(said) for said, _ in overtaken]
        + [_change(said) for said, _ in late if said.status is Status.SENT]
    )


def _change(said: Outcome) -> raising.Change:
    return raising.Change(
        said.recipient_id,
        said.status,
        said.cause,
        said.reply,
        at=said.ended_at,
        is_decision=said.status in _DECISIONS,
    )


def _insert_attempts(held: Sequence, late: Sequence) -> None:
    columns = (
        *("recipient_id", "generation", "fence", "is_fence_valid", "phase", "code", "reply"),
        *("status", "cause", "began_at", "ended_at"),
    )
    rows = [
        (
            *(said.recipient_id, said.generation, said.fence, is_valid, said.phase, said.code),
            *(said.reply, said.status, said.cause, said.began_at, said.ended_at),
        )
        for outcomes, is_valid in ((held, True), (late, False))
        for said, _ in outcomes
    ]
    many.insert_each(db.session.connection(), Attempt.__table__, columns, rows)


def _clear_marks(held: Sequence[tuple[Outcome, Row]]) -> None:
    """Of copies that an event has raised already; what the try says joins as one more word."""
    many.update_each(
        db.session.connection(),
        Recipient.__table__,
        ("id", "in_flight_at", "attempt_count"),
        [(said.recipient_id, None, row.attempt_count + 1) for said, row in held],
    )


def _raise_waiting(held: Sequence[tuple[Outcome, Row]]) -> None:
    """Marks cleared, tries counted, statuses raised, and the books last."""
    deltas: dict[int, Counter] = defaultdict(Counter)
    accepted, other = [], []
    for said, row in held:
        deltas[row.bulk_email_id][row.status] -= 1
        deltas[row.bulk_email_id][said.status] += 1
        raised = (said.recipient_id, None, row.attempt_count + 1)
        raised += (said.status, said.cause, said.reply, said.ended_at)
        if said.status is Status.SENT:
            accepted.append((*raised, row.sent_at or said.ended_at))
        else:
            decision = said.status if said.status in _DECISIONS else None
            other.append((*raised, decision, said.next_try_at))
    columns = ("id", "in_flight_at", "attempt_count", "status", "cause", "reply", "changed_at")
    connection, table = db.session.connection(), Recipient.__table__
    many.update_each(connection, table, (*columns, "sent_at"), accepted)
    many.update_each(connection, table, (*columns, "decision", "next_try_at"), other)
    named = [(said.recipient_id, said.provider_message_id) for said, _ in held]
    named = [(identity, name) for identity, name in named if name]
    many.update_each(connection, table, ("id", "provider_message_id"), named)
    for bulk_email_id in sorted(deltas):
        tallying.move(bulk_email_id, deltas[bulk_email_id])
