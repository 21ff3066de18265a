"""Destinations that asked us to slow down, kept for all workers of a Connection."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

from sqlalchemy import select

from webapp.delivery.models import Destination
from webapp.extensions import db
from webapp.mail import pacing
from webapp.mail.pacing import Pace
from webapp.rows import insert_into

BURST_SECONDS = 0.5  # a rate is spent so far ahead, so that it comes out evenly
_FIELDS = tuple(Pace.__dataclass_fields__)


def paces(connection_id: int) -> dict[str, Pace]:
    """Those that are limited or resting now, by name."""
    rows = db.session.scalars(select(Destination).where(Destination.connection_id == connection_id))
    return {row.name: _pace(row) for row in rows if _is_limited(row)}


def grants(connection_id: int, wanted: Mapping[str, int], now: datetime) -> dict[str, int]:
    """How many copies may leave now for each of these destinations; one not in the answer is free.

    Spends them: the rows are locked in the order of their names. Not committed.
    """
    granted: dict[str, int] = {}
    for row in _lock(connection_id, wanted):
        rate = pacing.allowed(_pace(row), now)
        if not rate:
            granted[row.name] = 0
        elif math.isfinite(rate):
            begin = max(row.next_slot_at or now, now)
            ahead = (begin - now).total_seconds()
            free = max(0, round((BURST_SECONDS - ahead) * rate + 0.5))
            granted[row.name] = min(free, wanted[row.name])
            row.next_slot_at = begin + timedelta(seconds=granted[row.name] / rate)
    db.session.flush()
    return granted


def complain(connection_id: int, name: str, now: datetime, reply: str, measured: float) -> None:
    """Somebody at `name` asked us to slow down. Not committed."""
    hear(connection_id, [(name, reply)], now, {name: measured})


def hear(
    connection_id: int,
    heard: Sequence[tuple[str, str | None]],
    now: datetime,
    measured: Mapping[str, float],
) -> dict[str, Pace]:
    """What destinations said, in its order: (name, complaint), or None in its place where one took
    a mail. `measured`: how fast we wrote to those that complain. The paces of all that are limited
    now; all of them are locked, in the order of names, whatever was heard first. Not committed.
    """
    _make_rows(connection_id, {name for name, reply in heard if reply is not None})
    rows = {row.name: row for row in _lock(connection_id, None)}
    for name, reply in heard:
        if name not in rows:
            continue
        pace = _pace(rows[name])
        if reply is None:
            pace = pacing.after_acceptance(pace, now)
        else:
            pace = pacing.after_complaint(pace, now, reply[:500], measured[name])
        _set(rows[name], pace)
    db.session.flush()
    return {name: _pace(row) for name, row in rows.items() if _is_limited(row)}


def _make_rows(connection_id: int, names: Iterable[str]) -> None:
    """Of those that never complained before; whoever is first makes them for all."""
    rows = [
        {"connection_id": connection_id, "name": name, "complaints": 0, "pauses": 0, "reply": ""}
        for name in sorted(names)
    ]
    if rows:
        db.session.execute(insert_into(Destination).on_conflict_do_nothing(), rows)


def _lock(connection_id: int, names: Iterable[str] | None) -> Sequence[Destination]:
    """In the order of names, so that no two wait for each other; None: all of the Connection's."""
    wanted = select(Destination).where(Destination.connection_id == connection_id)
    if names is not None:
        wanted = wanted.where(Destination.name.in_(sorted(names)))
    return db.session.scalars(
        wanted.order_by(Destination.name)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def _is_limited(row: Destination) -> bool:
    return row.rate is not None or row.paused_until is not None


def _pace(row: Destination) -> Pace:
    return Pace(**{name: getattr(row, name) for name in _FIELDS})


def _set(row: Destination, pace: Pace) -> None:
    for name, value in asdict(pace).items():
        setattr(row, name, value)
