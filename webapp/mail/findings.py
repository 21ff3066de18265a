"""What a mail that came back says of one recipient."""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from webapp.mail import codes, reasons
from webapp.mail.causes import Cause

MAX_RECIPIENTS = 1000
# Exim tried again and again, and nobody refused
_RAN_OUT = re.compile(r"retry time ?out exceeded|hosts? have been failing for a long time")


class Verdict(StrEnum):
    """Whether trying again can help."""

    PERMANENT = "permanent"
    TEMPORARY = "temporary"
    DELIVERED = "delivered"


@dataclass(frozen=True)
class Finding:
    """`address` as the notice gives it ("" where it gives none); `aliases` are its other names.

    `status` is the enhanced code (RFC 3463) or "", `is_final` whether the server gave up (False: a
    notice of delay), None where nobody says; `reply` is the server's own text.
    """

    address: str
    verdict: Verdict | None
    status: str
    is_final: bool | None
    cause: Cause | None
    reply: str
    aliases: tuple[str, ...] = ()

    @property
    def is_nobody(self) -> bool:
        """Whether further mail to the address is without sense, by the precise rule."""
        return self.verdict is Verdict.PERMANENT and self.cause in reasons.NOBODY_THERE


def judge(
    address: str,
    reply: str,
    *,
    stated: str = "",
    is_delay: bool = False,
    is_final: bool | None = None,
    aliases: tuple[str, ...] = (),
) -> Finding:
    """A Finding from a server's text, the status `stated` beside it (or ""), and whether the
    notice speaks of a delay."""
    verdict, status, cause = _weigh(reply, stated, is_delay)
    if is_final is False:  # a report of delay: whatever the number, the server still tries
        verdict = Verdict.TEMPORARY
    if is_final is None:
        is_final = not is_delay
    return Finding(address, verdict, status, is_final, cause, reply, aliases)


@lru_cache(maxsize=256)  # a notice says the same of a thousand people
def _weigh(reply: str, stated: str, is_delay: bool) -> tuple[Verdict, str, Cause]:
    status = reasons.status_of(reply, stated)
    replied = codes.reply_codes(reply)
    code = next((code for code in replied if code >= 500), next(iter(replied), 0))
    cause = reasons.cause_of(reply, code=code, status=status)
    if cause is Cause.OUR_SERVER:  # it came back from afar: their server speaks, of our sender
        cause = Cause.BLOCKED_REPUTATION
    is_transient = is_delay or _RAN_OUT.search(reply.lower()) is not None
    return _verdict(status, replied, is_transient), status, cause


@lru_cache(maxsize=256)
def says_something(reply: str) -> bool:
    """Whether a text has a number or words that mean something to us."""
    if any(map(codes.is_specific, codes.enhanced_codes(reply))) or codes.reply_codes(reply):
        return True
    return reasons.cause_of(reply) is not Cause.UNKNOWN


def _verdict(status: str, replied: list[int], is_transient: bool) -> Verdict:
    if status.startswith("5") or (max(replied, default=0) >= 500 and not status):
        return Verdict.PERMANENT
    if is_transient or status.startswith("4"):
        return Verdict.TEMPORARY
    return Verdict.TEMPORARY if replied else Verdict.PERMANENT
