"""How fast one destination is written to: a rate that is learned, and a breaker. Pure.

Nothing is limited until somebody complains. A complaint halves the rate at which we were sending,
a later one among acceptances takes a fifth of it; complaints without an acceptance in between open
the breaker, longer each time. After its rest a few mails are tried: the first that is taken brings
the halved rate back, a complaint the next rest. Every ten quiet seconds the rate doubles again,
until it means nothing any more.
"""

import math
import random
import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from webapp.mail.causes import Cause
from webapp.mail.replies import Reply

COMPLAINTS_TO_BREAK = 3
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)
LONGEST_OBEYED = timedelta(hours=12)  # no server sends us to bed for days
SAME_COMPLAINT = timedelta(seconds=5)  # what was on the wire together complains together
QUIET = timedelta(seconds=10)
LOWEST_RATE = 0.1  # mails a second
LEAST_MEASURED = 4.0  # what is seen in a short while may be nothing at all
FREE_RATE = 200.0  # a rate that has risen to this is none
TRIAL_RATE = 1.0  # after a rest, until somebody takes a mail

_WAIT = re.compile(
    r"(?:in|after|for|within|least)\s+(\d{1,5})\s*(s|sec|m|min|h|hour)[a-z]*\b", re.IGNORECASE
)
_UNITS = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True)
class Pace:
    """What is known of one destination. `rate` in mails a second, None: free."""

    rate: float | None = None
    paused_until: datetime | None = None
    complaints: int = 0  # since the last acceptance
    pauses: int = 0  # one after the other
    complained_at: datetime | None = None
    eased_at: datetime | None = None
    reply: str = ""

    def is_paused(self, now: datetime) -> bool:
        return self.paused_until is not None and self.paused_until > now

    def is_on_trial(self, now: datetime) -> bool:
        """Whether its rest is over and nobody has taken a mail since: few are risked."""
        return self.paused_until is not None and self.paused_until <= now


def is_complaint(reply: Reply, cause: Cause | None) -> bool:
    """Whether a server asks us to slow down: 421, 4.7.x, or words to that effect."""
    return 400 <= reply.code < 500 and (
        reply.code == 421 or reply.enhanced.startswith("4.7.") or cause is Cause.TOO_FAST
    )


def after_complaint(pace: Pace, now: datetime, reply: str, measured: float) -> Pace:
    """`measured` is the rate we wrote at when it came, in mails a second."""
    asked = wait_asked(reply)
    if pace.is_paused(now):  # what was on the wire as the rest began says nothing new
        return _paused(pace, now, reply, asked) if asked is not None else replace(pace, reply=reply)
    is_same = pace.complained_at is not None and now - pace.complained_at < SAME_COMPLAINT
    slower = replace(pace, complaints=pace.complaints + 1, reply=reply)
    if not is_same or pace.rate is None:
        slower = replace(slower, rate=_slowed(pace, measured), complained_at=now, eased_at=now)
    if asked is not None or pace.is_on_trial(now) or slower.complaints >= COMPLAINTS_TO_BREAK:
        return _paused(slower, now, reply, asked)
    return slower


def after_acceptance(pace: Pace, now: datetime) -> Pace:
    """They take mail: a rest that is over is over for good, and after a quiet while the rate
    doubles."""
    pace = replace(pace, complaints=0)
    if pace.rate is None:
        return replace(pace, pauses=0, paused_until=None, reply="")
    if pace.is_on_trial(now):
        return replace(pace, paused_until=None, eased_at=now)
    since = pace.eased_at or pace.complained_at or now
    if now - since < QUIET:
        return pace
    rate = pace.rate * 2
    if rate >= FREE_RATE:
        return Pace()
    return replace(pace, rate=rate, eased_at=now, pauses=0)


def allowed(pace: Pace, now: datetime) -> float:
    """Mails a second that may leave now; infinity is any number."""
    if pace.is_paused(now):
        return 0.0
    rate = math.inf if pace.rate is None else pace.rate
    return min(rate, TRIAL_RATE) if pace.is_on_trial(now) else rate


def wait_asked(reply: str) -> timedelta | None:
    """The time that a server names: "try again in 10 minutes"."""
    match = _WAIT.search(reply)
    if match is None:
        return None
    seconds = int(match[1]) * _UNITS[match[2][0].lower()]
    return min(timedelta(seconds=seconds), LONGEST_OBEYED) if seconds else None


def _slowed(pace: Pace, measured: float) -> float:
    if pace.rate is None:
        return min(FREE_RATE, max(measured, LEAST_MEASURED)) / 2
    # one among acceptances says less than several in a row
    return max(LOWEST_RATE, pace.rate * (0.5 if pace.complaints else 0.8))


def _paused(pace: Pace, now: datetime, reply: str, asked: timedelta | None) -> Pace:
    backing_off = min(FIRST_PAUSE * 2**pace.pauses, LONGEST_PAUSE)
    wait = asked or backing_off * random.uniform(0.9, 1.2)
    return replace(
        pace,
        paused_until=max(now + wait, pace.paused_until or now),
        pauses=pace.pauses + (not pace.is_paused(now)),
        complaints=0,
        complained_at=now,
        eased_at=now + wait,
        reply=reply,
    )
