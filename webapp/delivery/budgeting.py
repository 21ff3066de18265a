"""What a Connection may send, leased from its row: a rate, a daily cap, and seats for
conversations. Exact with any number of workers, because each lease locks the row."""

import math
from datetime import UTC, datetime, timedelta

from sqlalchemy import bindparam, delete, insert, select, update

from webapp.columns import database_now
from webapp.delivery.models import Connection, Seat
from webapp.extensions import db

HORIZON_SECONDS = 0.5  # so far ahead a rate is spent, so that it comes out evenly
_table = Connection.__table__
_LIMITS = select(_table.c.rate, _table.c.daily_cap).where(_table.c.id == bindparam("connection"))


def allowance(connection_id: int, wanted: int) -> int:
    """How many of `wanted` copies may be taken now. Locks the row where it has a limit; say what
    came of it with `spend` in the same transaction. Not committed."""
    if not _has_limits(connection_id):
        return wanted
    connection = _lock(connection_id)
    now = db.session.scalar(select(database_now()))
    if connection.daily_cap is not None:
        used = connection.cap_used if connection.cap_day == _day(now) else 0
        wanted = min(wanted, max(0, connection.daily_cap - used))
        if not wanted:
            _rest_until_tomorrow(connection, now)
            return 0
    if connection.rate is not None:
        ahead = max(0.0, ((connection.next_slot_at or now) - now).total_seconds())
        wanted = min(wanted, max(0, math.ceil((HORIZON_SECONDS - ahead) * connection.rate)))
    return wanted


def spend(connection_id: int, copies: int) -> None:
    """That many were taken. Not committed."""
    if not copies or not _has_limits(connection_id):
        return
    connection = _lock(connection_id)
    now = db.session.scalar(select(database_now()))
    if connection.rate is not None:
        begin = max(connection.next_slot_at or now, now)
        connection.next_slot_at = begin + timedelta(seconds=copies / connection.rate)
    if connection.daily_cap is not None:
        used = connection.cap_used if connection.cap_day == _day(now) else 0
        connection.cap_day, connection.cap_used = _day(now), used + copies
    db.session.flush()


def take_seats(connection_id: int, owner: str, wanted: int, seconds: float) -> int:
    """How many conversations `owner` may hold, of those the Connection has in all. Commits."""
    connection = _lock(connection_id)
    db.session.execute(
        delete(Seat).where(
            Seat.connection_id == connection_id,
            (Seat.until < database_now()) | (Seat.owner == owner),
        )
    )
    taken = set(db.session.scalars(select(Seat.number).where(Seat.connection_id == connection_id)))
    free = [number for number in range(connection.max_connections) if number not in taken]
    for number in free[:wanted]:
        db.session.execute(
            insert(Seat).values(
                connection_id=connection_id, number=number, owner=owner, until=database_now(seconds)
            )
        )
    db.session.commit()
    return min(len(free), wanted)


def keep_seats(owner: str, seconds: float) -> None:
    """Not committed."""
    db.session.execute(
        update(Seat)
        .where(Seat.owner == owner)
        .values(until=database_now(seconds))
        .execution_options(synchronize_session=False)
    )


def leave_seats(connection_id: int, owner: str) -> None:
    """Others may talk now. Commits."""
    db.session.execute(delete(Seat).where(Seat.connection_id == connection_id, Seat.owner == owner))
    db.session.commit()


def _has_limits(connection_id: int) -> bool:
    """Most have none, and then the row need not be locked."""
    limits = db.session.connection().execute(_LIMITS, {"connection": connection_id}).one()
    return limits.rate is not None or limits.daily_cap is not None


def _lock(connection_id: int) -> Connection:
    return db.session.get_one(
        Connection, connection_id, with_for_update=True, populate_existing=True
    )


def _day(now: datetime) -> str:
    """Days change at midnight UTC, everywhere at once."""
    return now.astimezone(UTC).date().isoformat()


def _rest_until_tomorrow(connection: Connection, now: datetime) -> None:
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    connection.paused_until = midnight + timedelta(days=1)
    connection.pause_reason = (
        f"Today's limit of {connection.daily_cap:,} mails of this connection is used up."
    )
