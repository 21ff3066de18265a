"""What was measured: a JSON line for each contestant at once, a table at the end."""

import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Result:
    """One contestant over all rounds. `rates` in `unit` a second by round; `limit` is the
    contestant of the same rounds that the ratio is to (itself for the limit)."""

    bench: str
    who: str
    unit: str
    rates: dict[int, float] = field(default_factory=dict)
    cpu_ms: list[float] = field(default_factory=list)
    rss_mb: list[float] = field(default_factory=list)
    limit: "Result | None" = None
    extra: dict = field(default_factory=dict)

    @property
    def rate(self) -> float:
        return statistics.median(self.rates.values())

    @property
    def ratio(self) -> float | None:
        """The median of the rounds' ratios: noise of the machine hits both of a round."""
        if self.limit is None:
            return None
        rounds = self.rates.keys() & self.limit.rates.keys()
        found = [self.rates[n] / self.limit.rates[n] for n in rounds]
        return statistics.median(found) if found else None

    def line(self) -> dict:
        return {
            "bench": self.bench,
            "who": self.who,
            "rate": _digits(self.rate),
            "unit": self.unit,
            "ratio_to_limit": _digits(self.ratio),
            "cpu_ms": _digits(statistics.median(self.cpu_ms)) if self.cpu_ms else None,
            "rss_mb": round(max(self.rss_mb), 1) if self.rss_mb else None,
            "least": _digits(min(self.rates.values())),
            "most": _digits(max(self.rates.values())),
            "rounds": len(self.rates),
        } | self.extra


def is_wanted(result: Result, only: Sequence[str]) -> bool:
    """`only` are parts of names; none of them: everybody."""
    return not only or any(part in result.who for part in only)


def publish(results: Sequence[Result]) -> None:
    """JSON lines, then the table as the README has it."""
    shown = [result for result in results if result.rates]
    for result in shown:
        print(json.dumps(result.line(), ensure_ascii=False), flush=True)
    print(f"\n{machine()}\n")
    print(
        "| who | rate | to the limit | CPU ms each | RSS MB |\n| --- | ---: | ---: | ---: | ---: |"
    )
    for result in shown:
        line = result.line()
        cells = [line["who"], f"{line['rate']:,} {line['unit']}"]
        cells += ["" if line[key] is None else f"{line[key]:,}"
                  for key in ("ratio_to_limit", "cpu_ms", "rss_mb")]  # fmt: skip
        print("| " + " | ".join(cells) + " |")
    print(flush=True)


def machine() -> str:
    """The size of this machine in one line."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    name = names[0] if names else platform.machine()
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} × {name}, {memory:.0f} GB, Python {platform.python_version()},"
        f" load {load:.1f}"
    )


def _digits(value: float | None) -> float | int | None:
    """Three digits that mean something."""
    if value is None:
        return None
    return round(value) if value >= 100 else float(f"{value:.3g}")
