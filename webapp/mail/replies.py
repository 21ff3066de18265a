"""What a mail server said, and what it means: a reply becomes a verdict by table."""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from webapp.mail.causes import Cause

MAX_REPLY = 2000


@dataclass(frozen=True)
class Reply:
    """An SMTP reply (RFC 5321 4.2): `code` 200–599, `text` its lines joined, cleaned and capped."""

    code: int
    text: str

    @property
    def enhanced(self) -> str:
        """The enhanced status code (RFC 3463), "5.1.1"; "" without one."""
        match = re.match(r"[245]\.\d{1,3}\.\d{1,3}\b", self.text)
        return match[0] if match else ""

    def __str__(self) -> str:
        return f"{self.code} {self.text}"


class Outcome(StrEnum):
    """What one reply says of one copy."""

    ACCEPTED = "accepted"
    REFUSED_FOR_NOW = "refused_for_now"
    REFUSED = "refused"  # by the recipient's side, or the relay speaking of the recipient
    DENIED = "denied"  # the relay speaks of us


@dataclass(frozen=True)
class Verdict:
    outcome: Outcome
    cause: Cause | None


# first match wins: (codes that begin with, enhanced code pattern, text pattern, cause)
_Row = tuple[str, str, str, Cause]
_CAUSES: list[_Row] = [
    (
        "",
        r".*",
        r"relay(ing)? (access )?denied|not permitted to relay|relay not permitted",
        Cause.OUR_SERVER,
    ),
    (
        "",
        r".*",
        r"authentication (is )?required|authenticate first|sender address rejected"
        r"|sender (address )?not (allowed|verified|owned)|domain not verified",
        Cause.OUR_SERVER,
    ),
    ("", r"[45]\.2\.2|5\.5\.2.*quota", r"", Cause.MAILBOX_FULL),
    (
        "",
        r".*",
        r"mailbox (is )?full|over ?quota|quota exceeded|insufficient (system )?storage",
        Cause.MAILBOX_FULL,
    ),
    ("", r"[45]\.3\.4", r"", Cause.TOO_LARGE),
    ("552", r"", r"size|too (big|large)", Cause.TOO_LARGE),
    ("", r".*", r"message (is )?too (big|large)|exceeds? .*size", Cause.TOO_LARGE),
    ("4", r".*", r"gr[ae]y-?list", Cause.GREYLISTED),
    ("", r"[45]\.7\.(20|21|22|23|24|25|26|27|30)", r"", Cause.AUTH_POLICY),
    ("", r".*", r"\b(spf|dkim|dmarc)\b", Cause.AUTH_POLICY),
    (
        "4",
        r".*",
        r"too (many|fast|much)|rate limit|slow down|throttl|try again later.*load",
        Cause.TOO_FAST,
    ),
    ("421", r"", r"", Cause.TOO_FAST),
    ("4", r"4\.7\.\d+", r"", Cause.TOO_FAST),
    (
        "",
        r".*",
        r"block ?list|black ?list|spamhaus|reputation|\brbl\b|poor score",
        Cause.BLOCKED_REPUTATION,
    ),
    ("", r".*", r"spam|content (rejected|refused|denied)|virus|phish", Cause.BLOCKED_CONTENT),
    ("", r"5\.1\.2|5\.4\.4|5\.1\.8", r"", Cause.DOMAIN_MISSING),
    (
        "",
        r".*",
        r"domain (does )?not (exist|found)|host (or domain name )?not found|nxdomain"
        r"|no such domain|bad destination system",
        Cause.DOMAIN_MISSING,
    ),
    ("5", r"5\.1\.(0|1|3|6|10)|5\.2\.1", r"", Cause.MAILBOX_MISSING),
    (
        "5",
        r".*",
        r"(user|mailbox|recipient|address|account).{0,40}(unknown|not (exist|found)"
        r"|does ?n.t exist|no longer|disabled|invalid|rejected|unavailable)|no such (user|mailbox"
        r"|person|recipient)|unknown (user|recipient|mailbox|local)",
        Cause.MAILBOX_MISSING,
    ),
    ("4", r"4\.4\.\d+", r"", Cause.UNREACHABLE),
    ("5", r"5\.7\.\d+", r"", Cause.BLOCKED_REPUTATION),
]
# 530 and its kin speak of our sign-in (RFC 4954), 503 of our order of commands
_OURS_BY_CODE = {500, 501, 502, 503, 504, 530, 534, 535, 538}


def judge(reply: Reply, *, at_recipient: bool) -> Verdict:
    """What `reply` means for the copy. `at_recipient`: it answered RCPT or the text, so a refusal
    speaks of the recipient unless its words say otherwise; before that it speaks of us."""
    if 200 <= reply.code < 400:
        return Verdict(Outcome.ACCEPTED, None)
    cause = cause_of(reply)
    is_ours = cause is Cause.OUR_SERVER or not at_recipient or reply.code in _OURS_BY_CODE
    if 400 <= reply.code < 500:
        if cause is Cause.UNKNOWN and is_ours:
            cause = Cause.OUR_SERVER
        return Verdict(Outcome.REFUSED_FOR_NOW, cause)
    if is_ours:
        return Verdict(Outcome.DENIED, Cause.OUR_SERVER)
    return Verdict(Outcome.REFUSED, cause)


def cause_of(reply: Reply) -> Cause:
    """The Cause that the reply's code and words name; UNKNOWN where they name none."""
    code, enhanced, text = str(reply.code), reply.enhanced, reply.text.lower()
    for starts, enhanced_pattern, words, cause in _CAUSES:
        if not code.startswith(starts):
            continue
        if enhanced_pattern not in ("", r".*") and not re.fullmatch(enhanced_pattern, enhanced):
            continue
        if words and not re.search(words, text):
            continue
        return cause
    return Cause.UNKNOWN


def read_reply(lines: list[bytes]) -> Reply | None:
    """The lines of one reply as a Reply; None when they are no SMTP reply at all.

    Multi-line texts are joined by a space, NUL and controls replaced, the whole capped.
    """
    if len(lines) == 1:
        return _read_line(lines[0])
    last = _read_line(lines[-1])
    if last is None:
        return None
    text = " ".join([line[4:].decode("utf-8", "replace").strip() for line in lines])
    return Reply(last.code, clean_text(text))


@lru_cache(maxsize=256)  # a server says "250 Ok" again and again
def _read_line(line: bytes) -> Reply | None:
    code = line[:3]
    if not code.isdigit() or not 200 <= int(code) <= 599:
        return None
    return Reply(int(code), clean_text(line[4:].decode("utf-8", "replace").strip()))


def clean_text(text: str, limit: int = MAX_REPLY) -> str:
    """A stranger's text, fit to be stored and shown: no controls, no surrogates, not too long."""
    if text.isprintable():
        return text[:limit]
    text = text[: limit * 2].encode("utf-8", "replace").decode("utf-8", "replace")
    return "".join(character if character.isprintable() else " " for character in text)[:limit]
