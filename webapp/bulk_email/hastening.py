"""Copies that were put off come sooner once their destination takes more than it did."""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Row

from webapp.delivery import leasing
from webapp.mail import pacing
from webapp.mail.pacing import Pace

AHEAD_SECONDS = 15.0  # so many seconds' worth of copies is made due; then the rate has risen again
LOOK = 5_000
MOST_LOOKS = 4  # at once


class Hastening:
    """Of one email over one Connection, in one worker. At its beginning it knows of nothing and
    looks at all that is put off; after that only when a destination is allowed more."""

    def __init__(self, bulk_email_id: int) -> None:
        self._bulk_email_id = bulk_email_id
        self._allowed: dict[str, float] | None = None
        self._wanted: dict[str, float] = {}  # of limited destinations; of the others all
        self._after: leasing.Cursor | None = None
        self._is_walking = False

    def notice(self, limited: Mapping[str, Pace], now: datetime) -> set[str]:
        """The limited destinations that are allowed more than when this was last called."""
        allowed = {name: pacing.allowed(pace, now) for name, pace in limited.items()}
        before, self._allowed = self._allowed, allowed
        if before is None:
            before = dict.fromkeys(allowed, 0.0)
            is_any_free = True
        else:
            is_any_free = bool(before.keys() - allowed.keys())
        risen = {name for name, rate in allowed.items() if rate > before.get(name, math.inf)}
        if risen or is_any_free:
            self._wanted |= {name: math.ceil(allowed[name] * AHEAD_SECONDS) for name in risen}
            self._is_walking, self._after = True, None
        return risen

    def walk(self, destinations: Callable[[Sequence[Row]], list[str]]) -> None:
        """Make due what may be, as far as a few looks go. `destinations` of copies, in their order.
        Not committed."""
        for _ in range(MOST_LOOKS):
            if not self._is_walking:
                return
            rows = leasing.put_off(self._bulk_email_id, LOOK, self._after)
            self._is_walking = len(rows) == LOOK
            if not rows:
                return
            self._after = (rows[-1].next_try_at, rows[-1].id)
            named = zip(rows, destinations(rows), strict=True)
            ids = [row.id for row, name in named if self._takes(name)]
            if ids:
                leasing.hasten(sorted(ids))
                return

    def _takes(self, destination: str) -> bool:
        if destination not in (self._allowed or {}):
            return True
        self._wanted[destination] = self._wanted.get(destination, 0) - 1
        return self._wanted[destination] >= 0
