"""What was decided when, as places in plots: the first hour by minute, then by hour, then by day.

Pure. Places on the axis of time are per cent of its length, heights are pixels, as in
bulk_email.plotting; each section has a scale of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from webapp.bulk_email.plotting import Part, nice
from webapp.email_tracker.summing_up import HOURS, MINUTES, Moment

HEIGHT = 80
UNITS = {
    "minute": (timedelta(minutes=1), 0, MINUTES, "The first hour, by minute"),
    "hour": (timedelta(hours=1), 1, HOURS, "Then by hour"),
    "day": (timedelta(days=1), 2, 10_000, "Then by day"),
}
LEAST_SLOTS = 10


@dataclass(frozen=True)
class Slot:
    """One minute, hour or day."""

    at: datetime
    x: float
    width: float
    delivered: int
    lost: int
    parts: list[Part]


@dataclass(frozen=True)
class Bar:
    """One bar of several side by side."""

    x: float
    width: float
    parts: list[Part]


@dataclass(frozen=True)
class Section:
    """One plot; `top` is how many copies reach its upper edge."""

    title: str
    began: datetime
    ended: datetime
    top: int
    slots: list[Slot]

    @property
    def form(self) -> str:
        """How its times are written."""
        return "%H:%M" if self.ended - self.began <= timedelta(hours=1) else "%-d %b, %H:%M"


def sections(moments: Sequence[Moment], start: datetime | None) -> list[Section]:
    """The plots that have anything to show."""
    if start is None:
        return []
    found = []
    for unit in UNITS:
        counted = [moment for moment in moments if moment.unit == unit]
        if counted:
            found.append(_section(unit, counted, start))
    return found


def _section(unit: str, counted: Sequence[Moment], start: datetime) -> Section:
    length, first, end, title = UNITS[unit]
    last = max(moment.number for moment in counted)
    size = max(LEAST_SLOTS, last - first + 1)
    size = min(size, max(end - first, 1))
    top = max(1, round(nice(max(moment.delivered + moment.lost for moment in counted))))
    slots = [_slot(moment, first, size, top, start + moment.number * length) for moment in counted]
    return Section(title, start + first * length, start + (first + size) * length, top, slots)


def _slot(moment: Moment, first: int, size: int, top: int, at: datetime) -> Slot:
    return Slot(
        at=at,
        x=round((moment.number - first) / size * 100, 3),
        width=round(100 / size, 3),
        delivered=moment.delivered,
        lost=moment.lost,
        parts=_stack((("delivered", moment.delivered), ("lost", moment.lost)), top),
    )


def bars(rows: Sequence[Sequence[tuple[str, float]]]) -> tuple[float, list[Bar]]:
    """(what reaches the upper edge, a bar for each row of (kind, number), stacked upwards), with a
    gap between them; a few bars do not fill the width."""
    size = max(len(rows), LEAST_SLOTS)
    top = max(1, nice(max((sum(number for _, number in row) for row in rows), default=0)))
    width = 100 / size
    return top, [
        Bar(x=round(at * width, 3), width=round(width * 0.8, 3), parts=_stack(row, top))
        for at, row in enumerate(rows)
    ]


def _stack(numbers: Sequence[tuple[str, float]], top: float) -> list[Part]:
    """Parts on top of each other, each at least a pixel high."""
    parts, y = [], float(HEIGHT)
    for kind, number in numbers:
        if number:
            height = max(1.0, number / top * HEIGHT)
            y -= height
            parts.append(Part(kind, round(number), round(y, 2), round(height, 2)))
    return parts
