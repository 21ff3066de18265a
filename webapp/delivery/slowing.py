"""Destinations that asked us to slow down, kept for all workers of a Connection."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta

from sqlalchemy import select

from webapp.delivery.models import Destination
from webapp.extensions import db
from webapp.mail import pacing
from webapp.mail.pacing import Pace

BURST_SECONDS = 0.5  # a rate is spent so far ahead, so that it comes out evenly
_FIELDS = tuple(Pace.__dataclass_fields__)


def paces(connection_id: int) -> dict[str, Pace]:
    """Those that are limited or resting now, by name."""
    rows = db.session.scalars(select(Destination).where(Destination.connection_id == connection_id))
    return {row.name: _pace(row) for row in rows if row.rate is not None or row.paused_until}


def grants(connection_id: int, wanted: Mapping[str, int], now: datetime) -> dict[str, int]:
    """How many copies may leave now for each of these destinations; one not in the answer is free.

    Spends them: the rows are locked in the order of their names. Not committed.
    """
    granted: dict[str, int] = {}
    for row in _lock(connection_id, wanted):
        if row.paused_until and row.paused_until > now:
            granted[row.name] = 0
        elif row.rate is not None:
            begin = max(row.next_slot_at or now, now)
            ahead = (begin - now).total_seconds()
            free = max(0, round((BURST_SECONDS - ahead) * row.rate + 0.5))
            granted[row.name] = min(free, wanted[row.name])
            row.next_slot_at = begin + timedelta(seconds=granted[row.name] / row.rate)
    db.session.flush()
    return granted


def complain(connection_id: int, name: str, now: datetime, reply: str, measured: float) -> Pace:
    """Somebody at `name` asked us to slow down. Not committed."""
    return _change(
        connection_id,
        name,
        lambda pace: pacing.after_complaint(pace, now, reply[:500], max(measured, 0.2)),
    )


def accept(connection_id: int, names: Iterable[str], now: datetime) -> None:
    """Those take mail, as far as they are limited at all. Not committed."""
    for row in _lock(connection_id, names):
        _set(row, pacing.after_acceptance(_pace(row), now))


def _lock(connection_id: int, names: Iterable[str]) -> list[Destination]:
    return list(
        db.session.scalars(
            select(Destination)
            .where(Destination.connection_id == connection_id, Destination.name.in_(sorted(names)))
            .order_by(Destination.name)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    )


def _change(connection_id: int, name: str, change: Callable[[Pace], Pace]) -> Pace:
    rows = _lock(connection_id, [name])
    if not rows:
        rows = [Destination(connection_id=connection_id, name=name, complaints=0, pauses=0)]
        db.session.add(rows[0])
    pace = change(_pace(rows[0]))
    _set(rows[0], pace)
    db.session.flush()
    return pace


def _pace(row: Destination) -> Pace:
    return Pace(**{name: getattr(row, name) for name in _FIELDS})


def _set(row: Destination, pace: Pace) -> None:
    for name, value in asdict(pace).items():
        setattr(row, name, value)
