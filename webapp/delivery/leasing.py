"""Who may send which copy now: flights with a fence, intents before the wire, outcomes after it.

The database's clock decides everything. A flight's id is the fence of its copies; what a worker
says under an old fence is kept but changes nothing, except that a 250 is a 250.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Row,
    bindparam,
    delete,
    exists,
    func,
    insert,
    select,
    tuple_,
    update,
)

from webapp import rows as many
from webapp.columns import database_now
from webapp.delivery import raising, suppressing, tallying
from webapp.delivery.models import Attempt, Flight, Recipient, Suppression
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.mail.causes import Cause
from webapp.mail.transactions import Phase

WAITING = (Status.QUEUED, Status.RETRYING)
_DECISIONS = (Status.UNCONFIRMED, Status.FAILED, Status.BOUNCED_SOFT)
_TAKEN = (
    Recipient.id,
    Recipient.workspace_id,
    Recipient.name,
    Recipient.address,
    Recipient.address_key,
    Recipient.merge_values,
    Recipient.generation,
    Recipient.attempt_count,
    Recipient.first_tried_at,
    Recipient.next_try_at,
)
_LOCKED = (
    Recipient.id,
    Recipient.bulk_email_id,
    Recipient.status,
    Recipient.fence,
    Recipient.in_flight_at,
    Recipient.sent_at,
    Recipient.attempt_count,
)
Cursor = tuple[datetime, int]


@dataclass(frozen=True)
class Taken:
    """Copies in flight under `fence`: only these may be sent. `at` is the Date of those that were
    never tried; `cursor` is where the next look may begin (None: at the beginning)."""

    fence: int
    rows: Sequence[Row]
    at: datetime | None = None
    cursor: Cursor | None = None


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


def due(bulk_email_id: object, within_seconds: float = 0) -> list:
    """The conditions for copies of an email that may be taken now, or so soon."""
    return [
        Recipient.bulk_email_id == bulk_email_id,
        Recipient.status.in_(WAITING),
        Recipient.next_try_at <= database_now(within_seconds),
        Recipient.in_flight_at.is_(None),
    ]


def take(
    bulk_email_id: int,
    *,
    owner: str,
    count: int,
    seconds: float,
    may_send: object,
    connection_id: int,
    after: Cursor | None = None,
) -> Taken:
    """The intent: put up to `count` copies that are due in flight, for `seconds`.

    One UPDATE sees pause, cancel and suppression; `may_send` is the condition that the email is
    still sending. Who is suppressed by now becomes withheld, in the same transaction. `after`
    spares a long walk over copies that are done. Not committed.
    """
    wanted = select(*_TAKEN).where(*due(bulk_email_id))
    if after is not None:
        wanted = wanted.where(tuple_(Recipient.next_try_at, Recipient.id) > tuple_(*after))
    rows = db.session.execute(
        wanted.order_by(Recipient.next_try_at, Recipient.id)
        .limit(count)
        .with_for_update(skip_locked=True)
    ).all()
    if not rows:
        return Taken(0, [])
    now = db.session.scalar(select(database_now()))
    fence = _open_flight(bulk_email_id, owner, [row.id for row in rows], seconds)
    taken = _mark(rows, fence, now, may_send, connection_id)
    withhold_suppressed([row for row in rows if row.id not in taken])
    last = rows[-1]
    return Taken(
        fence,
        [row for row in rows if row.id in taken],
        now,
        (last.next_try_at, last.id) if len(rows) == count else None,
    )


def _open_flight(bulk_email_id: int, owner: str, ids: list[int], seconds: float) -> int:
    return db.session.execute(
        insert(Flight)
        .values(
            bulk_email_id=bulk_email_id,
            owner=owner,
            lease_until=database_now(seconds),
            recipient_ids=ids,
        )
        .returning(Flight.id)
    ).scalar_one()


def _mark(
    rows: Sequence[Row], fence: int, now: datetime, may_send: object, connection_id: int
) -> set[int]:
    is_suppressed = exists().where(
        Suppression.workspace_id == rows[0].workspace_id,
        Suppression.address_key == Recipient.address_key,
        Suppression.lifted_at.is_(None),
    )
    return set(
        db.session.scalars(
            update(Recipient)
            .where(
                _among([row.id for row in rows]),
                Recipient.in_flight_at.is_(None),
                Recipient.status.in_(WAITING),
                may_send,
                ~is_suppressed,
            )
            .values(
                fence=fence,
                connection_id=connection_id,
                in_flight_at=now,
                first_tried_at=func.coalesce(Recipient.first_tried_at, now),
            )
            .returning(Recipient.id)
            .execution_options(synchronize_session=False)
        )
    )


def _among(ids: Sequence[int]) -> ColumnElement[bool]:
    """One parameter instead of as many as there are ids: SQLAlchemy looks at each of those."""
    return Recipient.id.in_(bindparam("ids", value=list(ids), expanding=True))


def withhold_suppressed(rows: Sequence[Row]) -> None:
    """Of copies that were not put in flight, those to a suppressed address become withheld."""
    if not rows:
        return
    keys = sorted({row.address_key for row in rows if row.address_key})
    found = suppressing.suppressed(rows[0].workspace_id, keys)
    raising.raise_statuses(
        raising.Change(
            row.id,
            Status.WITHHELD,
            suppressing.withholding_cause(found[row.address_key].cause),
            found[row.address_key].reason,
            is_decision=True,
        )
        for row in rows
        if row.address_key in found
    )


def renew(owner: str, seconds: float) -> None:
    """Keep what `owner` has on the wire for `seconds` more from now. Not committed."""
    db.session.execute(
        update(Flight)
        .where(Flight.owner == owner, Flight.lease_until > database_now())
        .values(lease_until=database_now(seconds))
        .execution_options(synchronize_session=False)
    )


def land(fences: Sequence[int]) -> None:
    """Flights of which every copy is recorded or taken back. Not committed."""
    if not fences:
        return
    db.session.execute(
        delete(Flight).where(Flight.id.in_(fences)).execution_options(synchronize_session=False)
    )


def take_back(copies: Sequence[tuple[int, int, datetime | None]]) -> None:
    """Copies, as (id, fence, due again), of which nothing went on the wire: as if never taken, but
    due at that time where one is given. Not committed."""
    if not copies:
        return
    table = Recipient.__table__
    again = bindparam("b_again", type_=table.c.next_try_at.type)
    db.session.connection().execute(
        update(table)
        .where(table.c.id == bindparam("b_id"), table.c.fence == bindparam("b_fence"))
        .values(in_flight_at=None, next_try_at=func.coalesce(again, table.c.next_try_at)),
        [
            {"b_id": identity, "b_fence": fence, "b_again": again}
            for identity, fence, again in sorted(copies, key=lambda copy: copy[0])
        ],
    )


def record_outcomes(outcomes: Sequence[Outcome]) -> None:
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
            .where(_among([outcome.recipient_id for outcome in outcomes]))
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
    _raise_waiting([(said, row) for said, row in held if row.status in WAITING])
    overtaken = [(said, row) for said, row in held if row.status not in WAITING]
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


def sweep() -> list[int]:
    """Copies whose sender died while they were on the wire become unconfirmed, and their flight
    is over, so that a sender that only slept cannot undo it. Only this clears a dead mark. Not
    committed."""
    dead = db.session.execute(
        select(Flight.id, Flight.recipient_ids)
        .where(Flight.lease_until < database_now())
        .order_by(Flight.id)
        .limit(100)
        .with_for_update(skip_locked=True)
    ).all()
    swept: list[int] = []
    for flight in dead:
        swept += db.session.scalars(
            update(Recipient)
            .where(
                Recipient.id.in_(flight.recipient_ids),
                Recipient.fence == flight.id,
                Recipient.in_flight_at.is_not(None),
            )
            .values(in_flight_at=None)
            .returning(Recipient.id)
            .execution_options(synchronize_session=False)
        )
    land([flight.id for flight in dead])
    raising.raise_statuses(
        raising.Change(identity, Status.UNCONFIRMED, Cause.UNKNOWN, is_decision=True)
        for identity in sorted(swept)
    )
    return swept
