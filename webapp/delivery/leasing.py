"""Who may send which copy now: flights, whose id is the fence of their copies. The database's
clock decides everything."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Float,
    Row,
    Select,
    Update,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    literal_column,
    select,
    tuple_,
    type_coerce,
    update,
)
from sqlalchemy.types import NullType

from webapp.columns import Ids, database_now, is_among
from webapp.delivery import opting_out, raising, suppressing
from webapp.delivery.models import Flight, Recipient, Suppression
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.mail.causes import Cause

WAITING = (Status.QUEUED, Status.RETRYING)
_copies, _flights = Recipient.__table__.c, Flight.__table__.c
# in the very words of the partial index ix_recipients_waiting: with a parameter in it, SQLite sorts
# the whole email for every look
IS_WAITING = _copies.status <= literal_column("1")
_NOW = bindparam("now", type_=_copies.in_flight_at.type)
# what is the same for all is told once: to read a time of the database costs as much as a column
_TAKEN = (
    _copies.id,
    _copies.name,
    _copies.address,
    _copies.address_key,
    _copies.merge_values,
    _copies.status,
    _copies.generation,
    _copies.attempt_count,
    case((_copies.first_tried_at == _NOW, None), else_=_copies.first_tried_at).label("tried_at"),
)
_AMONG = is_among(_copies.id, bindparam("ids", type_=Ids))
Cursor = tuple[Any, int]  # the place in the queue as the database writes it, nobody reads it
_PUT_OFF = (
    IS_WAITING,
    _copies.status == Status.QUEUED,
    _copies.in_flight_at.is_(None),
    _copies.next_try_at > database_now(),
)


@dataclass(frozen=True)
class Taken:
    """Copies in flight under `fence` since `at`: only these may be sent (`tried_at`: when they
    were first, if that was earlier). `cursor` is where the next look may begin (None: at the
    beginning); `is_all`: there were no more."""

    fence: int
    at: datetime | None
    rows: Sequence[Row]
    is_all: bool
    cursor: Cursor | None = None


def due(bulk_email_id: object, within_seconds: float = 0) -> list:
    """The conditions for copies of an email that may be taken now, or so soon."""
    return [
        _copies.bulk_email_id == bulk_email_id,
        IS_WAITING,
        _copies.next_try_at <= database_now(within_seconds),
        _copies.in_flight_at.is_(None),
    ]


_REFUSED = select(_copies.id, _copies.workspace_id, _copies.address_key).where(_AMONG)
# Statements that run for every few copies are built once: building costs more than running.


def _looking(is_first: bool) -> Select:
    turn = type_coerce(_copies.next_try_at, NullType()).label("turn")
    wanted = select(_copies.id, turn).where(*due(bindparam("email")))
    if not is_first:
        after = tuple_(bindparam("after", type_=NullType()), bindparam("after_id"))
        wanted = wanted.where(tuple_(_copies.next_try_at, _copies.id) > after)
    in_turn = wanted.order_by(_copies.next_try_at, _copies.id).limit(bindparam("count"))
    return in_turn.with_for_update(skip_locked=True)


_LOOK_FIRST, _LOOK = _looking(True), _looking(False)
_OPEN_FLIGHT = (
    insert(Flight.__table__)
    .values(lease_until=database_now(bindparam("seconds", type_=Float)))
    .returning(_flights.id, database_now().label("now"))
)
# With statistics from before an email was prepared PostgreSQL takes its copies for few, and would
# fetch and sort all that wait for every look; in the order of their index it is done after `count`.
_IN_TURN = (
    "SELECT set_config(name, 'off', true) FROM unnest('{{{}}}'::text[]) AS each(name)".format(
        "enable_bitmapscan,enable_seqscan,enable_sort"
    )
)
_LAND = delete(Flight.__table__).where(is_among(_flights.id, bindparam("fences", type_=Ids)))


def take(
    bulk_email_id: int,
    *,
    owner: str,
    count: int,
    seconds: float,
    may_send: ColumnElement[bool],
    connection_id: int,
    topic_id: int | None = None,
    after: Cursor | None = None,
) -> Taken:
    """The intent: put up to `count` copies that are due in flight, for `seconds`.

    One UPDATE sees pause, cancel, suppression and who has turned down the topic; `may_send` is the
    condition that the email is still sending, the same object each time. Who is suppressed by now
    becomes withheld, in the same transaction. `after` spares a long walk over copies that are done.
    Not committed.
    """
    connection = db.session.connection()
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_IN_TURN)
    place = dict(zip(("after", "after_id"), after, strict=True)) if after else {}
    found = connection.execute(
        _LOOK if after else _LOOK_FIRST, {"email": bulk_email_id, "count": count} | place
    ).all()
    is_all = len(found) < count
    if not found:
        return Taken(0, None, [], is_all)
    ids = [row.id for row in found]
    flight = {"bulk_email_id": bulk_email_id, "owner": owner, "recipient_ids": ids}
    fence, now = connection.execute(_OPEN_FLIGHT, flight | {"seconds": seconds}).one()
    marks = {"ids": ids, "by": fence, "now": now, "relay": connection_id}
    rows = connection.execute(_marking(may_send, topic_id), marks).all()
    taken = {row.id: row for row in rows}
    if len(taken) < len(found):
        withhold_suppressed([identity for identity in ids if identity not in taken], topic_id)
    return Taken(
        fence,
        now,
        [taken[identity] for identity in ids if identity in taken],
        is_all,
        None if is_all else (found[-1].turn, found[-1].id),
    )


@lru_cache(maxsize=64)
def _marking(may_send: ColumnElement[bool], topic_id: int | None) -> Update:
    is_suppressed = exists().where(
        Suppression.workspace_id == _copies.workspace_id,
        Suppression.address_key == _copies.address_key,
        Suppression.lifted_at.is_(None),
    )
    turned_down = [~opting_out.has_opted_out(topic_id, _copies.address_key)] if topic_id else []
    return (
        update(Recipient.__table__)
        .where(
            _AMONG,
            _copies.in_flight_at.is_(None),
            _copies.status.in_(WAITING),
            may_send,
            ~is_suppressed,
            *turned_down,
        )
        .values(
            fence=bindparam("by"),
            connection_id=bindparam("relay"),
            in_flight_at=_NOW,
            first_tried_at=func.coalesce(_copies.first_tried_at, _NOW),
        )
        .returning(*_TAKEN)
    )


def withhold_suppressed(ids: Sequence[int], topic_id: int | None = None) -> None:
    """Of copies that were not put in flight, those to an address that is suppressed, or has turned
    down the topic, become withheld."""
    rows = db.session.connection().execute(_REFUSED, {"ids": list(ids)}).all()
    if not rows:
        return
    keys = sorted({row.address_key for row in rows if row.address_key})
    why = {key: (Cause.UNSUBSCRIBED, "") for key in _turned_down(topic_id, keys)} | {
        key: (suppressing.withholding_cause(each.cause), each.reason)
        for key, each in suppressing.suppressed(rows[0].workspace_id, keys).items()
    }
    raising.raise_statuses(
        raising.Change(row.id, Status.WITHHELD, *why[row.address_key], is_decision=True)
        for row in rows
        if row.address_key in why
    )


def _turned_down(topic_id: int | None, keys: Sequence[str]) -> set[str]:
    return opting_out.opted_out(topic_id, keys) if topic_id else set()


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
    if fences:
        db.session.connection().execute(_LAND, {"fences": list(fences)})


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


def put_off(bulk_email_id: int, count: int, after: Cursor | None = None) -> Sequence[Row]:
    """(id, address_key, next_try_at) of copies never tried whose turn comes later, in its order."""
    wanted = select(_copies.id, _copies.address_key, _copies.next_try_at).where(
        *_PUT_OFF, _copies.bulk_email_id == bulk_email_id
    )
    if after is not None:
        wanted = wanted.where(tuple_(_copies.next_try_at, _copies.id) > after)
    in_turn = wanted.order_by(_copies.next_try_at, _copies.id).limit(count)
    return db.session.execute(in_turn).all()


def hasten(ids: Sequence[int]) -> None:
    """The turn of these comes now; of those that somebody else has in hand it does not. Not
    committed."""
    free = select(_copies.id).where(is_among(_copies.id, bindparam("ids", type_=Ids)), *_PUT_OFF)
    db.session.connection().execute(
        update(Recipient.__table__)
        .where(_copies.id.in_(free.with_for_update(skip_locked=True)))
        .values(next_try_at=database_now()),
        {"ids": list(ids)},
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
