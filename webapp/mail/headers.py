"""Header values that stay one header, whatever strangers wrote into them."""

import base64
import re
import unicodedata
from functools import lru_cache

MAX_VALUE = 30_000
_SHORT = 200
_ENCODED_WORD = re.compile(r"=\?[^?\s]+\?[bq]\?[^?]*\?=", re.IGNORECASE)
_SPECIALS = re.compile(r'[()<>@,;:\\".\[\]]')
_WORD_OCTETS = 42  # 56 as base64, and "=?utf-8?B??=" around: under the 75 of RFC 2047 2
# an address as it may stand between < and >, in a header and on the wire (RFC 5321 4.1.2)
_ADDRESS = re.compile(r"[^\s<>\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


class HeaderError(ValueError):
    """A header came out otherwise than it was meant."""


def clean(value: str) -> str:
    """`value` without anything that could end or start a header.

    Controls (C0, C1, U+2028, U+2029) become spaces; what looks like an encoded word (RFC 2047) is
    broken up, because Python's and other parsers decode it and find line breaks inside.
    """
    if not value.isprintable():  # it has one of them, or something harmless
        value = value.replace("\r\n", "\n")
        value = "".join(
            " " if unicodedata.category(character) in ("Cc", "Zl", "Zp", "Cs") else character
            for character in value
        )
    if "=?" in value:
        value = _ENCODED_WORD.sub(lambda match: match[0].replace("=?", "= ?"), value)
    return value.strip()[:MAX_VALUE]


def encode(value: str) -> bytes:
    """An unstructured header value on the wire: ASCII as it is, else encoded words (RFC 2047),
    folded so that no line exceeds 78 characters by much and none 998."""
    return _encode_short(value) if len(value) < _SHORT else _encode(value)


def _encode(value: str) -> bytes:
    value = clean(value)
    if value.isascii() and len(value) < 900:
        return _fold(value)
    return _words(value)


# subjects and names come again, from copy to copy
_encode_short = lru_cache(maxsize=500)(_encode)


def encode_mailbox(name: str, address: str) -> bytes:
    """`name <address>` on the wire; the name quoted or encoded as it needs (RFC 5322 3.4).

    Raises HeaderError for an address that could end its brackets or its line.
    """
    if not _ADDRESS.fullmatch(address) or "=?" in address:  # some parsers decode it even there
        raise HeaderError("The address has a space, a bracket or a control character in it.")
    phrase = _short_phrase(name) if len(name) < _SHORT else _phrase(name)
    return b"%b<%b>" % (phrase, address.encode()) if phrase else address.encode()


def _phrase(name: str) -> bytes:
    """What stands before the bracket of an address."""
    name = clean(name)
    if not name:
        return b""
    if not name.isascii() or len(name) > 60:
        return _words(name) + b"\r\n "
    if _SPECIALS.search(name):
        name = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{name} ".encode()


_short_phrase = lru_cache(maxsize=500)(_phrase)


def assert_intended(block: bytes, number: int) -> None:
    """Raise HeaderError unless `block` is exactly `number` headers, no line over 998 octets.

    `block` is everything up to and without the empty line. Its names are fixed and in their places
    when it is built, so that what a value could add is a line: counting them finds it.
    """
    breaks = block.count(b"\n")
    if breaks != block.count(b"\r\n") or breaks != block.count(b"\r") or b"\0" in block:
        raise HeaderError("a bare line break or NUL in the header")
    if breaks == number - 1 and b"\n " not in block and b"\n\t" not in block:
        return
    folds = block.count(b"\n ") + block.count(b"\n\t")
    if breaks - folds != number - 1 or b"\n \r" in block:
        raise HeaderError(f"the header has {breaks - folds + 1} fields, not {number}")


def _words(value: str) -> bytes:
    """As encoded words, one a line."""
    octets = value.encode("utf-8", "replace")
    words, start = [], 0
    while start < len(octets):
        end = start + _WORD_OCTETS
        while end < len(octets) and octets[end] & 0xC0 == 0x80:  # never within a character
            end -= 1
        words.append(b"=?utf-8?B?" + base64.b64encode(octets[start:end]) + b"?=")
        start = end
    return b"\r\n ".join(words)


def _fold(value: str) -> bytes:
    if len(value) <= 60:
        return value.encode()
    lines, line = [], ""
    for word in value.split(" "):
        if line and len(line) + 1 + len(word) > 70:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    lines.append(line)
    return "\r\n ".join(part for part in lines if part.strip()).encode()
