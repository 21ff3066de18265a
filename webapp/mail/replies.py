"""What a mail server said, and what it means for the copy: accepted, refused, or about us."""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache

from webapp.mail import reasons
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

    @cached_property
    def line(self) -> str:
        """Code and text; servers say the same again and again, and then it is made once."""
        return f"{self.code} {self.text}"

    def __str__(self) -> str:
        return self.line


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


_ACCEPTED = Verdict(Outcome.ACCEPTED, None)
# 530 and its kin speak of our sign-in (RFC 4954), 503 of our order of commands, 555 of our
# parameters; 501 may as well speak of an address (RFC 3463 3.2: 5.1.3 is its bad syntax)
_OURS_BY_CODE = {500, 501, 502, 503, 504, 530, 534, 535, 538, 555}


def judge(reply: Reply, *, at_recipient: bool) -> Verdict:
    """What `reply` means for the copy. `at_recipient`: it answered RCPT or the text, so a refusal
    speaks of the recipient unless its words say otherwise; before that it speaks of us."""
    if 200 <= reply.code < 400:
        return _ACCEPTED
    cause = cause_of(reply)
    names_nobody = reply.code == 501 and cause in reasons.NOBODY_THERE
    is_ours_by_code = reply.code in _OURS_BY_CODE and not names_nobody
    is_ours = cause is Cause.OUR_SERVER or not at_recipient or is_ours_by_code
    if 400 <= reply.code < 500:
        if cause is Cause.UNKNOWN and is_ours:
            cause = Cause.OUR_SERVER
        return Verdict(Outcome.REFUSED_FOR_NOW, cause)
    if is_ours:
        return Verdict(Outcome.DENIED, Cause.OUR_SERVER)
    return Verdict(Outcome.REFUSED, cause)


def cause_of(reply: Reply) -> Cause:
    """The Cause that the reply's code and words name; UNKNOWN where they name none."""
    return reasons.cause_of(reply.text, code=reply.code, status=reply.enhanced)


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
