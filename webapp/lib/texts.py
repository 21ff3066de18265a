"""Texts from outside, made fit to be shown and kept."""

import re


def printable(text: str) -> str:
    """`text` with blanks for its control characters (PostgreSQL keeps no NUL), lines aside."""
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text)


def one_line(text: str, limit: int) -> str:
    """`text` without control characters and with single spaces, at most `limit` characters."""
    return " ".join(printable(text).split())[:limit]


def file_name(text: str, most: int = 80) -> str:
    """A name that every file system takes, without its ending: no separators, no leading dot."""
    name = one_line(re.sub(r'[\\/:*?"<>|]', "_", text), most).strip(" .")
    return name or "export"
