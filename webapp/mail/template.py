"""A mail compiled once for an email and filled for every copy.

Static parts are encoded at compilation; per copy only the values are escaped and encoded for
where they stand (header, text, HTML), and everything is joined. Texts with logic go through
Liquid for each copy instead; both ways give the same mail.
"""

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from webapp.mail import headers, markup, merging, quoted_printable

BOUNDARY = "=_email-tracker-part"


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


@dataclass(frozen=True)
class Copy:
    """One person's values. `date` is that of the first try, kept for all later ones."""

    token: str
    address: str
    name: str
    values: Mapping[str, object]
    date: datetime
    unsubscribe_url: str
    extra_headers: Mapping[str, str]


@dataclass(frozen=True)
class Message:
    """Ready for the wire: an octet string with CRLF only, no dot-stuffing needed."""

    sender: str
    address: str
    content: bytes

    @property
    def needs_smtputf8(self) -> bool:
        return not self.address.isascii()


Piece = bytes | Callable[[Mapping[str, object]], bytes]


class Template:
    """`Template(source).fill(copy)`; raises merging.MergeError where a copy cannot be merged."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._subject = _renderer(source.subject, escaped=False)
        self._text = _body(source.text, escaped=False)
        self._html = _body(source.html, escaped=True)

    def fill(self, copy: Copy) -> Message:
        """The finished mail of one copy."""
        values = {**copy.values, "unsubscribe_url": copy.unsubscribe_url}
        block = self._header_block(copy, self._subject(values))
        content = b"".join(
            (
                block,
                b"\r\n\r\n--" + BOUNDARY.encode() + _part_head("text/plain"),
                self._text(values),
                b"\r\n--" + BOUNDARY.encode() + _part_head("text/html"),
                self._html(values),
                b"\r\n--" + BOUNDARY.encode() + b"--\r\n",
            )
        )
        return Message(self._source.from_address, copy.address, content)

    def _header_block(self, copy: Copy, subject: str) -> bytes:
        source = self._source
        fields: list[tuple[str, bytes]] = [
            ("From", headers.encode_mailbox(source.from_name, source.from_address)),
            ("To", headers.encode_mailbox(copy.name, copy.address)),
            ("Subject", headers.encode(subject)),
            ("Date", format_datetime(copy.date).encode()),
            ("Message-ID", f"<{copy.token}@{source.message_id_domain}>".encode()),
        ]
        if source.reply_to:
            fields.append(("Reply-To", headers.encode_mailbox("", source.reply_to)))
        if copy.unsubscribe_url:
            # RFC 2369 and RFC 8058: one click, no page, no login
            fields += [
                ("List-Unsubscribe", f"<{copy.unsubscribe_url}>".encode()),
                ("List-Unsubscribe-Post", b"List-Unsubscribe=One-Click"),
            ]
        fields += [
            ("List-Id", f"<{source.list_id}>".encode()),
            ("Feedback-ID", headers.encode(source.feedback_id)),
        ]
        fields += [(name, headers.encode(value)) for name, value in copy.extra_headers.items()]
        fields += [
            ("MIME-Version", b"1.0"),
            ("Content-Type", f'multipart/alternative; boundary="{BOUNDARY}"'.encode()),
        ]
        block = b"\r\n".join(name.encode() + b": " + value for name, value in fields)
        headers.assert_intended(block, [name for name, _ in fields])
        return block


def compose(subject: str, body: str, footer_html: str) -> tuple[str, str, str]:
    """What was written, as the Liquid sources of (subject, text, HTML)."""
    rendered = markup.to_html(body)
    text = markup.to_text(rendered + "<hr>" + f"<p>{footer_html}</p>")
    return subject, text, markup.wrap_html(rendered, footer_html)


def _part_head(kind: str) -> bytes:
    return (
        f"\r\nContent-Type: {kind}; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    ).encode()


def _renderer(source: str, *, escaped: bool) -> Callable[[Mapping[str, object]], str]:
    """A function from values to the merged text."""
    parts = merging.split(source)
    if parts is None:
        merging.parse(source, escaped)
        return lambda values: merging.render(source, values, escaped=escaped)
    return lambda values: "".join(
        part if isinstance(part, str) else _value(part, values, escaped) for part in parts
    )


def _value(slot: merging.Slot, values: Mapping[str, object], escaped: bool) -> str:
    value = values.get(slot.field)
    if value is None or value == "":
        if slot.fallback is None:
            raise merging.MergeError(f"The field {slot.field} is empty and has no fall-back.")
        return slot.fallback
    text = str(value)
    return (
        html.escape(text).replace("&quot;", "&#34;").replace("&#x27;", "&#39;") if escaped else text
    )


def _body(source: str, *, escaped: bool) -> Callable[[Mapping[str, object]], bytes]:
    """A function from values to the quoted-printable body."""
    parts = merging.split(source)
    if parts is None:
        render = _renderer(source, escaped=escaped)
        return lambda values: quoted_printable.encode(_wire(render(values)))

    encoded = [
        part if isinstance(part, merging.Slot) else quoted_printable.encode(_wire(part))
        for part in parts
        if part != ""
    ]

    def fill(values: Mapping[str, object]) -> bytes:
        return quoted_printable.join(
            [
                (True, quoted_printable.encode(_wire(_value(part, values, escaped))))
                if isinstance(part, merging.Slot)
                else (False, part)
                for part in encoded
            ]
        )

    return fill


def _wire(text: str) -> bytes:
    return text.encode("utf-8", "replace")
