"""Who may send which copy now: flights, whose id is the fence of their copies. The database's
clock decides everything."""

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
    literal_column,
    select,
    tuple_,
    update,
)

from webapp.columns import database_now
from webapp.delivery import raising, suppressing
from webapp.delivery.models import Flight, Recipient, Suppression
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.mail.causes import Cause

WAITING = (Status.QUEUED, Status.RETRYING)
# in the very words of the partial index ix_recipients_waiting: with a parameter in it, SQLite sorts
# the whole email for every look
IS_WAITING = Recipient.status <= literal_column("1")
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
Cursor = tuple[datetime, int]


@dataclass(frozen=True)
class Taken:
    """Copies in flight under `fence`: only these may be sent. `at` is the Date of those that were
    never tried; `cursor` is where the next look may begin (None: at the beginning)."""

    fence: int
    rows: Sequence[Row]
    at: datetime | None = None
    cursor: Cursor | None = None


def due(bulk_email_id: object, within_seconds: float = 0) -> list:
    """The conditions for copies of an email that may be taken now, or so soon."""
    return [
        Recipient.bulk_email_id == bulk_email_id,
        IS_WAITING,
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
                among([row.id for row in rows]),
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


def among(ids: Sequence[int]) -> ColumnElement[bool]:
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
