"""A mail compiled once for an email and filled for every copy.

Static parts are encoded at compilation; per copy only the values are escaped and encoded for
where they stand (header, text, HTML), and everything is joined at once. Texts with logic go
through Liquid for each copy instead; both ways give the same mail.
"""

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from itertools import count
from operator import itemgetter
from typing import Any, NamedTuple

from webapp.mail import headers, markup, merging, quoted_printable

BOUNDARY = "=_email-tracker-part"
_TOKEN = "zq-token-qz"  # stands for the copy's token while headers are compiled
_MOST_KEPT = 1_000  # encoded values of one field


@dataclass(frozen=True)
class Source:
    """What was composed, frozen: Liquid in subject, text and HTML; addresses checked before."""

    subject: str
    text: str
    html: str
    from_name: str
    from_address: str
    reply_to: str
    message_id_domain: str
    list_id: str
    feedback_id: str


class Copy(NamedTuple):
    """One person's values. `date` is that of the first try, kept for all later ones; `address` is
    as it goes on the wire, its domain an A-label. With a `return_path` of its own (VERP) a copy
    also asks DSN servers for notices, under its token. `links` are the addresses of links that
    lead over us, by slot (mail.linking)."""

    token: str
    address: str
    name: str
    values: Mapping[str, object]
    date: datetime
    unsubscribe_url: str
    return_path: str = ""
    links: Mapping[str, str] = {}


class Message(NamedTuple):
    """Ready for the wire: an octet string with CRLF only, no dot-stuffing needed.

    `sender` is the return path, `envelope_id` what a notice of a DSN server names (RFC 3461);
    empty: no notices are asked for.
    """

    sender: str
    address: str
    content: bytes
    envelope_id: str = ""

    @property
    def needs_smtputf8(self) -> bool:
        return not self.address.isascii()


Values = Mapping[str, object]
_Filler = Callable[[Copy, Values], bytes]
_Piece = Any  # bytes, a _Filler or a _Place


class Template:
    """`Template(source).fill(copy)`; raises merging.MergeError or headers.HeaderError where a copy
    cannot be merged. `tracking(token)` gives the headers by which a provider names the copy."""

    def __init__(
        self, source: Source, tracking: Callable[[str], Mapping[str, str]] = lambda token: {}
    ) -> None:
        self._from_address = source.from_address
        fields = _header_fields(source, tracking)
        self._header_count = len(fields)
        self._header = _Joined([piece for field in fields for piece in (b"\r\n", *field)][1:])
        self._body = _Joined(
            [
                b"\r\n\r\n--" + BOUNDARY.encode() + _part_head("text/plain"),
                *_body(source.text, escaped=False),
                b"\r\n--" + BOUNDARY.encode() + _part_head("text/html"),
                *_body(source.html, escaped=True),
                b"\r\n--" + BOUNDARY.encode() + b"--\r\n",
            ]
        )

    def fill(self, copy: Copy) -> Message:
        """The finished mail of one copy."""
        values = {**copy.values, **copy.links, "unsubscribe_url": copy.unsubscribe_url}
        block = self._header.fill(copy, values)
        headers.assert_intended(block, self._header_count)
        content = self._body.fill(copy, values, head=block)
        if copy.return_path:
            return Message(copy.return_path, copy.address, content, copy.token)
        return Message(self._from_address, copy.address, content)


def compose(subject: str, body: str, footer_html: str) -> tuple[str, str, str]:
    """What was written, as the Liquid sources of (subject, text, HTML)."""
    rendered = markup.to_html(body)
    text = markup.to_text(rendered + "<hr>" + f"<p>{footer_html}</p>")
    return subject, text, markup.wrap_html(rendered, footer_html)


# ---- headers


def _header_fields(
    source: Source, tracking: Callable[[str], Mapping[str, str]]
) -> list[list[_Piece]]:
    """The header as fields, each a list of pieces without the line break between fields."""
    subject = _renderer(source.subject, escaped=False)
    fields: list[list[_Piece]] = [
        [b"From: " + headers.encode_mailbox(source.from_name, source.from_address)],
        [b"To: ", lambda copy, values: headers.encode_mailbox(copy.name, copy.address)],
        [b"Subject: ", lambda copy, values: headers.encode(subject(values))],
        [b"Date: ", lambda copy, values: _date(copy.date)],
        [b"Message-ID: <", _token, b"@" + source.message_id_domain.encode() + b">"],
    ]
    if source.reply_to:
        fields.append([b"Reply-To: " + headers.encode_mailbox("", source.reply_to)])
    fields += [
        # RFC 2369 and RFC 8058: one click, no page, no login
        [b"List-Unsubscribe: <", _unsubscribe_url, b">"],
        [b"List-Unsubscribe-Post: List-Unsubscribe=One-Click"],
        [f"List-Id: <{source.list_id}>".encode()],
        [b"Feedback-ID: " + headers.encode(source.feedback_id)],
    ]
    for name, value in tracking(_TOKEN).items():
        before, *after = headers.encode(value).split(_TOKEN.encode())
        pieces: list[_Piece] = [name.encode() + b": " + before]
        for static in after:
            pieces += [_token, static]
        fields.append(pieces)
    fields.append([b"MIME-Version: 1.0"])
    fields.append([f'Content-Type: multipart/alternative; boundary="{BOUNDARY}"'.encode()])
    return fields


def _token(copy: Copy, values: Values) -> bytes:
    return copy.token.encode("ascii")


def _unsubscribe_url(copy: Copy, values: Values) -> bytes:
    return copy.unsubscribe_url.encode("ascii")


@lru_cache(maxsize=16)
def _date(date: datetime) -> bytes:
    return format_datetime(date).encode()


def _part_head(kind: str) -> bytes:
    return (
        f"\r\nContent-Type: {kind}; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    ).encode()


# ---- bodies


def _body(source: str, *, escaped: bool) -> list[_Piece]:
    """Quoted-printable pieces. A value stands between soft breaks, on lines of its own."""
    parts = merging.split(source)
    if parts is None:
        render = _renderer(source, escaped=escaped)
        return [lambda copy, values: quoted_printable.encode(_wire(render(values)))]

    pieces: list[_Piece] = []
    for position, part in enumerate(parts):
        is_last = position == len(parts) - 1
        if isinstance(part, merging.Slot) and part.field.startswith("_"):
            pieces += [_link(part.field), b"" if is_last else quoted_printable.SOFT_BREAK]
        elif isinstance(part, merging.Slot):
            pieces.append(_Place(part, escaped))
            pieces += [] if is_last else [quoted_printable.SOFT_BREAK]
        elif part:
            static = quoted_printable.encode(_wire(part))
            is_open = not is_last and not static.endswith(b"\n")
            pieces.append(static + (quoted_printable.SOFT_BREAK if is_open else b""))
    return pieces


def _link(slot: str) -> _Filler:
    """An address of one copy alone: there is no use in keeping it for the next."""
    return lambda copy, values: quoted_printable.encode(copy.links[slot].encode("ascii"))


def _renderer(source: str, *, escaped: bool) -> Callable[[Mapping[str, object]], str]:
    """A function from values to the merged text."""
    parts = merging.split(source)
    if parts is None:
        merging.parse(source, escaped)
        return lambda values: merging.render(source, values, escaped=escaped)
    return lambda values: "".join(
        [part if isinstance(part, str) else _shown(part, values, escaped) for part in parts]
    )


def _shown(slot: merging.Slot, values: Mapping[str, object], escaped: bool) -> str:
    text = _text(slot, values)
    return _escape(text) if escaped and text is not slot.fallback else text


def _text(slot: merging.Slot, values: Mapping[str, object]) -> str:
    """The value as text, or the slot's own fall-back (the very same object)."""
    value = values.get(slot.field)
    if value is None or value == "":
        if slot.fallback is None:
            raise merging.MergeError(f"The field {slot.field} is empty and has no fall-back.")
        return slot.fallback
    return value if type(value) is str else str(value)


def _escape(text: str) -> str:
    """As Liquid does it (markupsafe), so that both ways give the same mail."""
    return html.escape(text).replace("&quot;", "&#34;").replace("&#x27;", "&#39;")


def _wire(text: str) -> bytes:
    return text.encode("utf-8", "replace")


# ---- pieces in their places


class _Place(NamedTuple):
    """Where the value of a slot stands in a body; escaped in HTML."""

    slot: merging.Slot
    escaped: bool


class _Encoded:
    """What a slot shows, encoded for (text, HTML) at once. Values repeat from copy to copy (names,
    cities), so they are `kept` for a while."""

    def __init__(self, slot: merging.Slot) -> None:
        self._slot = slot
        self.kept: dict[str, tuple[bytes, bytes]] = {}

    def __call__(self, values: Values) -> tuple[bytes, bytes]:
        text = _text(self._slot, values)
        if text is self._slot.fallback:
            return (quoted_printable.encode(_wire(text)),) * 2
        if quoted_printable.is_plain_in_html(text):
            encoded = (text.encode("ascii"),) * 2
        else:
            encoded = (
                quoted_printable.encode(_wire(text)),
                quoted_printable.encode(_wire(_escape(text))),
            )
        if len(self.kept) >= _MOST_KEPT:
            self.kept.clear()
        if len(text) < 200:
            self.kept[text] = encoded
        return encoded


class _Joined:
    """Pieces that are joined for each copy; a slot is encoded once for all its places."""

    def __init__(self, pieces: Sequence[_Piece]) -> None:
        pieces = _merged(pieces)
        slots = dict.fromkeys(piece.slot for piece in pieces if isinstance(piece, _Place))
        self._static = [b"", *(piece for piece in pieces if isinstance(piece, bytes))]
        made = [_Encoded(slot) for slot in slots]
        self._encoders = [
            (slot.field, each.kept, each) for slot, each in zip(slots, made, strict=True)
        ]
        self._fillers = [piece for piece in pieces if not isinstance(piece, (bytes, _Place))]
        # `fill` makes static pieces, then (text, HTML) of each slot, then the rest; where they go:
        first_slot = len(self._static)
        static, rest = count(1), count(first_slot + 2 * len(slots))
        slot_at = dict(zip(slots, count(first_slot, 2)))
        order = [
            next(static) if isinstance(piece, bytes)
            else slot_at[piece.slot] + piece.escaped if isinstance(piece, _Place)
            else next(rest)
            for piece in pieces
        ]  # fmt: skip
        self._in_order = itemgetter(0, *order)  # of two and more it makes a tuple

    def fill(self, copy: Copy, values: Values, head: bytes = b"") -> bytes:
        """`head`, and all that follows."""
        made = self._static.copy()
        made[0] = head
        for field, kept, encode in self._encoders:
            made += kept.get(values.get(field)) or encode(values)
        made += [fill(copy, values) for fill in self._fillers]
        return b"".join(self._in_order(made))


def _merged(pieces: Sequence[_Piece]) -> list[_Piece]:
    """The same; static pieces that follow each other are one."""
    merged: list[_Piece] = []
    for piece in pieces:
        if merged and isinstance(piece, bytes) and isinstance(merged[-1], bytes):
            merged[-1] += piece
        else:
            merged.append(piece)
    return merged
