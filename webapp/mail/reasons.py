"""Why a server refused, from its numbers and its words, by the tables in sayings.py."""

import re
from functools import lru_cache

from webapp.mail import codes
from webapp.mail.causes import Cause
from webapp.mail.sayings import BY_STATUS, BY_SUBJECT, CERTAIN, LOUD, PLAIN, VAGUE

MAX_WORDS = 1500
NOBODY_THERE = {Cause.MAILBOX_MISSING, Cause.DOMAIN_MISSING}
# numbers that servers give to whatever they dislike: words of a missing mailbox outweigh them
_VAGUE = {"0.0", "1.0", "3.0", "4.0", "5.0", "5.1", "5.2", "5.4", "7.0", "7.1"}
# beside these a missing mailbox may as well be one that takes no mail from us
_DOUBTFUL = re.compile(r"0\.0|2\.\d+|3\.[1-9]|4\.\d+|6\.\d+|7\.\d+")
# Exchange Online has a number for each of its reasons, and words for many at once
_EXCHANGE_S = re.compile(r"\d\.\d{3}")
# who takes the name and refuses the text may mean the text: a filter that speaks of no mailbox
_AFTER_TEXT = re.compile(r"in reply to end of data|after end of data|after i sent the message")
# ASCII only: Chinese and Japanese put words beside an address without a space
_NOISE = re.compile(
    r"(?a)\bhttps?:[!-~]+|[^\s<>\x80-\U0010ffff,;:()\[\]]{1,80}@(?:\[[\w.:-]{1,60}\]|[\w.-]{1,255})"
    r"|\[[\d.:a-f]{4,45}\]|\b[\w-]+(?:\.[\w-]+)+\b|[=_*\"`|<>]"
)
_PATTERNS = {
    name: [(cause, re.compile("|".join(f"(?:{saying})" for saying in sayings)))
           for cause, sayings in table]
    for name, table in (("loud", LOUD), ("plain", PLAIN), ("vague", VAGUE))
}  # fmt: skip


def cause_of(text: str, *, code: int = 0, status: str = "") -> Cause:
    """The Cause that reply code, enhanced code and words name together; UNKNOWN for none.

    Only MAILBOX_MISSING and DOMAIN_MISSING stop further mail, so they are said of what names
    nobody, and not of any refusal.
    """
    return _cause_of(words_of(text), code, status)


def words_of(text: str) -> str:
    """`text` in lower case without addresses, links and host names, whose parts say nothing."""
    return " ".join(_NOISE.sub(" ", text[: MAX_WORDS * 2].lower()).split())[:MAX_WORDS]


@lru_cache(maxsize=4096)  # one server's sentence comes a thousand times
def _cause_of(words: str, code: int, status: str) -> Cause:
    if CERTAIN.search(words):
        return Cause.MAILBOX_MISSING
    number = status.partition(".")[2]
    is_temporary = status.startswith("4") or (not status and 400 <= code < 500)
    by_number = BY_STATUS.get(number)
    if by_number is not None and not is_temporary and _EXCHANGE_S.fullmatch(number):
        return by_number
    plain, vague = _said("plain", words), _said("vague", words)
    loud = _said("loud", words, skip=None if is_temporary else Cause.GREYLISTED)
    is_agreed = plain is by_number or plain is Cause.DOMAIN_MISSING  # 5.1.1 is said of hosts too
    if {plain, by_number} <= NOBODY_THERE and is_agreed and loud is not Cause.UNREACHABLE:
        return plain
    if loud is not None:
        return loud
    if is_temporary and number.startswith("3.") and vague and not plain:
        return by_number or Cause.UNREACHABLE  # trouble of its own
    if is_temporary and (number.startswith("7.") or (vague and not plain)):
        return Cause.TOO_FAST  # for now, by policy: their breaker, not their verdict
    if by_number is not None and number not in _VAGUE:
        return by_number
    is_doubtful = _DOUBTFUL.fullmatch(number) or _AFTER_TEXT.search(words)
    if plain is Cause.MAILBOX_MISSING and is_doubtful:
        return Cause.MAILBOX_DISABLED
    return plain or vague or by_number or _by_subject(number, code)


def _by_subject(number: str, code: int) -> Cause:
    if number.startswith("2.") and number != "2.0":
        return Cause.MAILBOX_DISABLED
    if code == 421 and not number:
        return Cause.TOO_FAST
    return BY_SUBJECT.get(number.partition(".")[0], Cause.UNKNOWN)


def _said(table: str, words: str, skip: Cause | None = None) -> Cause | None:
    """The cause of the saying that comes first in the text; of two at one place, the table's."""
    best: tuple[int, Cause] | None = None
    for cause, pattern in _PATTERNS[table]:
        match = None if cause is skip else pattern.search(words)
        if match and (best is None or match.start() < best[0]):
            best = (match.start(), cause)
        if best and table == "loud":
            break
    return best[1] if best else None


def status_of(text: str, stated: str = "") -> str:
    """The enhanced code that says most: the one stated, unless the text knows it closer."""
    given = next(iter(codes.enhanced_codes(stated)), "")
    said = [status for status in codes.enhanced_codes(text) if codes.is_specific(status)]
    if given:
        said = [status for status in said if status[0] == given[0]]
    closer = [status for status in said if not status.endswith(".4.7")]  # 4.7: time ran out
    if closer and (not codes.is_specific(given) or given.endswith(".4.7") or len({*closer}) == 1):
        return closer[-1]
    if given or said:
        return given if codes.is_specific(given) or not said else said[-1]
    return next(iter(codes.enhanced_codes(text)), "")
