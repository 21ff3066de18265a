"""How fast emails go out and when they will be through: measured from what went over the wire in
the last minute, never from the copies."""

import math
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select

from webapp.bulk_email.models import BulkEmail, Stage
from webapp.delivery.models import Pulse
from webapp.extensions import db
from webapp.lib import clock

WINDOW = timedelta(seconds=60)
STILL_AFTER = timedelta(seconds=20)  # a Pulse is 10 s long and stored within 2 s
# fewer say nothing yet, unless we have looked long enough
LEAST_SECONDS, LEAST_COPIES, LONG_ENOUGH_SECONDS = 4.0, 10, 30.0


@dataclass(frozen=True)
class Speed:
    """Copies a second that were taken or refused for good; None: too few to tell. `is_still`:
    nothing at all has happened of late, and the rate is not shown."""

    rate: float | None = None
    is_still: bool = True

    @property
    def words(self) -> str:
        """ "80 a second", "12 a minute", or "" when it cannot be told."""
        return rate_words(self.rate)

    def left(self, copies: int) -> str:
        """ "about 15 s left" for that many copies, or ""."""
        return f"about {duration(copies / self.rate)} left" if self.rate and copies else ""


def speeds(*conditions: ColumnElement[bool]) -> dict[int, Speed]:
    """{id of each email being sent that meets the conditions: its Speed}. One query."""
    now = clock.now()
    decided = Pulse.accepted + Pulse.refused
    rows = db.session.execute(
        select(
            BulkEmail.id,
            BulkEmail.started_at,
            func.coalesce(func.sum(decided), 0).label("decided"),
            func.min(Pulse.at).label("first"),
            func.max(Pulse.at).label("last"),
        )
        .outerjoin(Pulse, (Pulse.bulk_email_id == BulkEmail.id) & (Pulse.at > now - WINDOW))
        .where(BulkEmail.stage == Stage.SENDING, *conditions)
        .group_by(BulkEmail.id, BulkEmail.started_at)
    )
    return {row.id: _speed(row.decided, row.first, row.last, row.started_at, now) for row in rows}


def speed_of(bulk_email: BulkEmail) -> Speed:
    """The Speed of one email; of one that is not being sent, none."""
    return speeds(BulkEmail.id == bulk_email.id).get(bulk_email.id, Speed())


def rates(bulk_email_id: int) -> dict[str, float]:
    """Mails a second by destination, whatever became of them, over the last minute; of those to
    which anything went of late."""
    now = clock.now()
    rows = db.session.execute(
        select(
            Pulse.destination,
            func.sum(Pulse.accepted + Pulse.deferred + Pulse.refused).label("mails"),
            func.min(Pulse.at).label("first"),
            func.max(Pulse.at).label("last"),
        )
        .where(Pulse.bulk_email_id == bulk_email_id, Pulse.at > now - WINDOW)
        .group_by(Pulse.destination)
    ).all()
    seconds = max(((now - row.first).total_seconds() for row in rows), default=1.0)
    flowing = [row for row in rows if row.mails and now - row.last <= STILL_AFTER]
    return {row.destination: row.mails / max(seconds, 1.0) for row in flowing}


def mark(found: Iterable[tuple[int, Speed]]) -> str:
    """Another text, fit for an address, whenever what is shown of these speeds is another."""
    shown = [(email_id, "" if speed.is_still else speed.words) for email_id, speed in found]
    return f"{zlib.crc32(repr(sorted(shown)).encode()):x}"


def rate_words(rate: float | None) -> str:
    if not rate:
        return ""
    if rate < 1:
        return f"{max(1, round(rate * 60))} a minute"
    return f"{rate:,.0f} a second" if rate >= 10 else f"{rate:.2g} a second"


def duration(seconds: float) -> str:
    """A length of time, rounded up as coarsely as an estimate deserves: "15 s", "3 min"."""
    if seconds <= 55:
        return f"{max(5, math.ceil(seconds / 5) * 5)} s"
    minutes = math.ceil(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(math.ceil(minutes / 10) * 10, 60)
    if hours >= 48:
        return f"{math.ceil(hours / 24)} days"
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def _speed(
    decided: int,
    first: datetime | None,
    last: datetime | None,
    started_at: datetime | None,
    now: datetime,
) -> Speed:
    if first is None or last is None:
        return Speed()
    begin = max(first, started_at or first)
    seconds = max((now - begin).total_seconds(), 0.1)
    is_enough = seconds >= LONG_ENOUGH_SECONDS or (
        seconds >= LEAST_SECONDS and decided >= LEAST_COPIES
    )
    rate = decided / seconds if decided and is_enough else None
    return Speed(rate, is_still=now - last > STILL_AFTER)
