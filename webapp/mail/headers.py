"""Header values that stay one header, whatever strangers wrote into them."""

import base64
import re
import unicodedata

_ENCODED_WORD = re.compile(r"=\?[^?\s]+\?[bq]\?[^?]*\?=", re.IGNORECASE)
_SPECIALS = re.compile(r'[()<>@,;:\\".\[\]]')


class HeaderError(ValueError):
    """A header came out otherwise than it was meant."""


def clean(value: str) -> str:
    """`value` without anything that could end or start a header.

    Controls (C0, C1, U+2028, U+2029) become spaces; what looks like an encoded word (RFC 2047) is
    broken up, because Python's and other parsers decode it and find line breaks inside.
    """
    value = "".join(
        " " if unicodedata.category(character) in ("Cc", "Zl", "Zp", "Cs") else character
        for character in value
    )
    return _ENCODED_WORD.sub(lambda match: match[0].replace("=?", "= ?"), value).strip()


def encode(value: str) -> bytes:
    """An unstructured header value on the wire: ASCII as it is, else encoded words (RFC 2047),
    folded so that no line exceeds 78 characters by much and none 998."""
    value = clean(value)
    if value.isascii() and len(value) < 900:
        return _fold(value)
    words: list[bytes] = []
    piece = b""
    for character in value:
        octets = character.encode("utf-8", "replace")
        if len(piece) + len(octets) > 42:
            words.append(piece)
            piece = b""
        piece += octets
    words.append(piece)
    return b"\r\n ".join(b"=?utf-8?B?" + base64.b64encode(word) + b"?=" for word in words)


def encode_mailbox(name: str, address: str) -> bytes:
    """`name <address>` on the wire; the name quoted or encoded as it needs (RFC 5322 3.4)."""
    name = clean(name)
    if not name:
        return clean(address).encode()
    if not name.isascii():
        return encode(name) + b"\r\n <" + clean(address).encode() + b">"
    if _SPECIALS.search(name):
        name = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{name} <{clean(address)}>".encode()


def assert_intended(block: bytes, intended: list[str]) -> None:
    """Raise HeaderError unless the finished block has exactly the intended header names, in order.

    `block` is everything up to and without the empty line.
    """
    found = []
    for line in block.split(b"\r\n"):
        if b"\r" in line or b"\n" in line or b"\0" in line:
            raise HeaderError("a bare line break or NUL in the header")
        if not line or line[:1] in b" \t":
            if not line.strip():
                raise HeaderError("an empty line in the header")
            continue
        found.append(line.split(b":", 1)[0].decode("ascii", "replace"))
    if found != intended:
        raise HeaderError(f"headers are {found}, not {intended}")


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
