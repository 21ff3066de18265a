"""The numbers in what a mail server says: reply codes (RFC 5321) and enhanced ones (RFC 3463)."""

import re

# "5.1.1", "(#5.1.1)", "550-5.1.1"; no address of a host, no version, no part of a longer number
_ENHANCED = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d]|\.\d)")
# "550 …", "550-…", "smtp;550", "(550)"; no port, no size, no part of an identifier
_REPLY = re.compile(
    r"(?<![\w.:/@=$%-])([45][0-5]\d)(?=[ \t]*(?:[-:;,)\]<#]|$)|[ \t]+[^\s\d]|[ \t]+[45]\.\d)"
)
_NOT_A_REPLY = re.compile(
    r"(?i)(?:port|size|bytes|after|line|id|last|for|within|than|of|totalled)[ =:]*$"
)
_UNIT = re.compile(r"(?i)[ \t]*(?:kb|mb|gb|bytes|hours?|days?|minutes?|seconds?|mails?)\b")


def enhanced_codes(text: str) -> list[str]:
    """All enhanced status codes in `text`, in their order, without leading zeroes."""
    return [
        f"{kind}.{int(subject)}.{int(detail)}" for kind, subject, detail in _ENHANCED.findall(text)
    ]


def reply_codes(text: str) -> list[int]:
    """All negative SMTP reply codes in `text`, in their order."""
    return [
        int(match[1])
        for match in _REPLY.finditer(text)
        if not _NOT_A_REPLY.search(text[max(0, match.start() - 10) : match.start()])
        and not _UNIT.match(text[match.end() : match.end() + 10])
    ]


def is_specific(status: str) -> bool:
    """Whether an enhanced code says more than that it failed (x.0.0)."""
    return bool(status) and not status.endswith(".0.0")
