"""Quoted-printable (RFC 2045 6.7) in pieces that can be joined: static text and merged values.

A value always begins and ends its own line by soft breaks, so its length is free. A dot in the
first column is written =2E: the result never needs dot-stuffing (RFC 5321 4.5.2).
"""

import re

SOFT_BREAK = b"=\r\n"
_PLAIN = frozenset(range(33, 127)) - {ord("=")}
_OCTETS = [bytes([octet]) if octet in _PLAIN else b"=%02X" % octet for octet in range(256)]
_WIDTH = 75
# one short line of ASCII that means itself: no "=", no dot in front, no space at an end
_AS_IT_IS = re.compile(rb"[!-\-/-<>-~](?:[ -<>-~]{0,70}[!-<>-~])?").fullmatch
# the same of a text, if nothing in it would be escaped in HTML
_PLAIN_IN_HTML = re.compile(r"[!#-%(-\-/-;?-~](?:[ !#-%(-;?-~]{0,70}[!#-%(-;?-~])?").fullmatch
_LONG = re.compile(rb"[ -<>-~]*[!-<>-~]").fullmatch


def is_plain_in_html(text: str) -> bool:
    """Whether `text` is one short line that stays as it is, in a text and in HTML."""
    return _PLAIN_IN_HTML(text) is not None


def encode(data: bytes) -> bytes:
    """`data` encoded from the first column on; line breaks of any kind become CRLF."""
    if _AS_IT_IS(data):
        return data
    data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return b"\r\n".join(_line(line) for line in data.split(b"\n"))


def _line(line: bytes) -> bytes:
    if _AS_IT_IS(line):
        return line
    if _LONG(line):
        pieces = [line[at : at + _WIDTH] for at in range(0, len(line), _WIDTH)]
        if not any(piece.startswith(b".") for piece in pieces):
            return SOFT_BREAK.join(pieces)
    done: list[bytes] = []
    current: list[bytes] = []
    column = 0
    last = len(line) - 1
    for position, octet in enumerate(line):
        text = _OCTETS[octet]
        if octet in b" \t" and position != last:
            text = bytes([octet])
        if column + len(text) > _WIDTH:
            done.append(b"".join(current) + b"=")
            current, column = [], 0
        if octet == ord(".") and column == 0:
            text = b"=2E"
        current.append(text)
        column += len(text)
    done.append(b"".join(current))
    return b"\r\n".join(done)
