"""Mails a second over the time of sending, as numbers and as places in a plot. Pure.

Places on the axis of time are per cent of its length, heights are pixels: the drawing then fits
any width without its lines being stretched.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

KINDS = ("accepted", "deferred", "refused")
OTHERS = ""
MOST_ROWS = 13
MOST_SLOTS = 60
SLOTS_SECONDS = (
    10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800, 43200, 86400, 604800,
)  # fmt: skip
HEIGHT, BAND = 96, 16  # of the plot and of one destination's row


class Count(NamedTuple):
    """What went to one destination within one slot: the `number`-th since 1970."""

    number: int
    destination: str
    accepted: int
    deferred: int
    refused: int


@dataclass(frozen=True)
class Part:
    """One kind within a slot, stacked on those before it; y grows downwards."""

    kind: str
    mails: int
    y: float
    height: float


@dataclass(frozen=True)
class Slot:
    """One stretch of time: where it stands and what happened in it."""

    at: datetime
    x: float
    width: float
    rate: float
    counts: dict[str, int]
    parts: list[Part]
    by_destination: list[tuple[str, int]] = field(default_factory=list)


@dataclass(frozen=True)
class Row:
    """One destination: its sums, and its band."""

    name: str
    counts: dict[str, int]
    slots: list[Slot]

    @property
    def mails(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True)
class Plot:
    """`top` is the rate at the upper edge, in mails a second."""

    began: datetime
    ended: datetime
    seconds: int
    top: float
    slots: list[Slot]
    rows: list[Row]

    @property
    def fastest(self) -> float:
        return max(slot.rate for slot in self.slots)


def slot_seconds(began: datetime, ended: datetime, least: int = 10) -> int:
    """How long a slot must be, so that the time between fits into the plot."""
    span = (ended - began).total_seconds()
    fitting = [size for size in SLOTS_SECONDS if size >= least and span / size < MOST_SLOTS - 1]
    return fitting[0] if fitting else SLOTS_SECONDS[-1]


def plot(counts: Sequence[Count], seconds: int, ended: datetime | None = None) -> Plot | None:
    """The plot of these counts, in slots of `seconds`; None where there is nothing to see.
    `ended`: up to when, if later than the last of them."""
    if not counts:
        return None
    first, last = min(each.number for each in counts), max(each.number for each in counts)
    if ended is not None:
        last = max(last, math.floor(ended.timestamp() / seconds))
    frame = _Frame(first, last - first + 1, seconds)
    totals = _sum_up(counts)
    fastest = max(sum(slot.values()) for slot in totals.values()) / seconds
    frame.top = nice(fastest)
    return Plot(
        began=frame.at(first),
        ended=frame.at(last + 1),
        seconds=seconds,
        top=frame.top,
        slots=[frame.tall(number, kinds, counts) for number, kinds in sorted(totals.items())],
        rows=_rows(counts, frame),
    )


@dataclass
class _Frame:
    """The axes."""

    first: int
    length: int
    seconds: int
    top: float = 1.0

    def at(self, number: int) -> datetime:
        return datetime.fromtimestamp(number * self.seconds, UTC)

    def tall(self, number: int, kinds: dict[str, int], counts: Sequence[Count]) -> Slot:
        """A slot of the plot: as high as it was fast."""
        there = [each for each in counts if each.number == number]
        there.sort(key=lambda each: (-sum(each[2:]), each.destination))
        names = [(each.destination, sum(each[2:])) for each in there]
        return self._slot(number, kinds, HEIGHT / (self.top * self.seconds), HEIGHT, names)

    def flat(self, number: int, kinds: dict[str, int]) -> Slot:
        """A slot of a band: of full height, divided among the kinds."""
        return self._slot(number, kinds, BAND / sum(kinds.values()), BAND, [])

    def _slot(self, number: int, kinds: dict[str, int], scale: float, floor: float, names) -> Slot:
        parts, y = [], floor
        for kind in KINDS:
            if kinds[kind]:
                height = kinds[kind] * scale
                y -= height
                parts.append(Part(kind, kinds[kind], round(y, 2), round(height, 2)))
        return Slot(
            at=self.at(number),
            x=round((number - self.first) / self.length * 100, 3),
            width=round(100 / self.length, 3),
            rate=sum(kinds.values()) / self.seconds,
            counts=kinds,
            parts=parts,
            by_destination=names,
        )


def _sum_up(counts: Iterable[Count]) -> dict[int, dict[str, int]]:
    """{slot: {kind: mails}} of what is not nothing."""
    found: dict[int, dict[str, int]] = defaultdict(lambda: dict.fromkeys(KINDS, 0))
    for each in counts:
        for kind in KINDS:
            found[each.number][kind] += getattr(each, kind)
    return {number: kinds for number, kinds in found.items() if any(kinds.values())}


def _rows(counts: Sequence[Count], frame: _Frame) -> list[Row]:
    """The destinations, the largest first and the sum of the small ones last."""
    totals: dict[str, int] = defaultdict(int)
    for each in counts:
        totals[each.destination] += sum(each[2:])
    named = sorted((name for name in totals if name != OTHERS), key=lambda n: (-totals[n], n))
    kept = set(named[: MOST_ROWS - 1])
    by_name: dict[str, list[Count]] = defaultdict(list)
    for each in counts:
        by_name[each.destination if each.destination in kept else OTHERS].append(each)
    rows = []
    for name in [*named[: MOST_ROWS - 1], OTHERS]:
        slots = _sum_up(by_name[name])
        if slots:
            sums = {kind: sum(kinds[kind] for kinds in slots.values()) for kind in KINDS}
            rows.append(Row(name, sums, [frame.flat(*pair) for pair in sorted(slots.items())]))
    return rows


def nice(value: float) -> float:
    """The next round number above: 1, 2, 3, 4, 5, 6, 8 or 10 times a power of ten."""
    if value <= 0.1:
        return 0.1
    power = 10 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 3, 4, 5, 6, 8, 10) if step * power >= value * 0.999)
