"""A raw mail opened: its headers, what it says to people, its report fields, and the mail it
returns. MIME where it holds together, lines where it does not; never raises."""

import email
import email.errors
import email.policy
import re
from dataclasses import dataclass, field
from email.message import Message

from webapp.mail.header_lines import RECIPIENT_FIELDS, Fields, decoded, divide, fields_in
from webapp.mail.page_text import html_to_text

MAX_RAW = 2 * 1024 * 1024
MAX_TEXT = 200_000  # characters of words to people that are looked at
MAX_FIELDS = 1_000_000  # characters of report fields
_MAX_PARTS = 100

_REPORT_FIELDS = re.compile(
    r"(?im)^[ \t>]{0,8}(?:final-recipient|original-recipient|x-actual-recipient)[ \t]*:"
)


@dataclass(frozen=True)
class Letter:
    """One mail. Header names are lower-case, values unfolded and decoded.

    `text` is what it says to people, without the mail it returns; `blocks` are the groups of
    fields of a delivery report (RFC 3464), `feedback` those of a complaint (RFC 5965), `original`
    the headers of the returned mail, `attached` whether a whole mail or its headers came with it,
    `has_report` whether the blocks are a part of their own (RFC 3464) and not lines of the text.
    `inner` is an attached mail that is itself a report: filters wrap what they let through.
    """

    headers: Fields
    kind: str
    report_type: str
    text: str
    blocks: list[Fields] = field(default_factory=list)
    feedback: Fields = field(default_factory=dict)
    original: Fields = field(default_factory=dict)
    attached: bool = False
    has_report: bool = False
    inner: bytes = b""

    def first(self, name: str) -> str:
        return next(iter(self.headers.get(name, [])), "")


@dataclass
class _Parts:
    """What is found while walking through the parts."""

    texts: list[str] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)
    reports: list[str] = field(default_factory=list)
    feedback: str = ""
    original: Fields = field(default_factory=dict)
    attached: bool = False
    inner: bytes = b""
    count: int = 0


def open_letter(raw: bytes) -> Letter:
    """Read `raw` (at most MAX_RAW bytes of it) whatever it is."""
    raw = _without_envelope_line(raw[:MAX_RAW])
    message = _parse(raw)
    found = _Parts()
    if message is None:
        head, _, body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")
        message = email.message_from_bytes(head)
        found.texts.append(_text_of_bytes(body, ""))
    else:
        _walk(message, found)
    return _letter(message, found)


def _without_envelope_line(raw: bytes) -> bytes:
    raw = raw.lstrip(b"\r\n\t ")
    return raw.split(b"\n", 1)[-1] if raw.startswith(b"From ") else raw


def _parse(raw: bytes) -> Message | None:
    """None for what only wants to keep us busy: containers in containers without end."""
    if raw.lower().count(b"content-type: multipart/") > _MAX_PARTS:
        return None
    try:
        return email.message_from_bytes(raw, policy=email.policy.compat32)
    except (RecursionError, ValueError, LookupError, email.errors.MessageError):
        return None


def _letter(message: Message, found: _Parts) -> Letter:
    text = "\n".join(found.texts).strip() or "\n".join(found.pages).strip()
    text, returned = divide(text[:MAX_TEXT])
    blocks = [block for report in found.reports for block in fields_in(report[:MAX_FIELDS])]
    has_report = any(map(_names_recipient, blocks))
    for lines in (text, returned[:MAX_TEXT]):
        if not any(map(_names_recipient, blocks)) and _REPORT_FIELDS.search(lines):
            blocks = fields_in(lines)
    return Letter(
        headers=_headers(message),
        kind=message.get_content_type(),
        report_type=_parameter(message, "report-type"),
        text=text,
        blocks=[block for block in blocks if block],
        feedback=_first_block(found.feedback),
        original=found.original or _first_block(returned),
        attached=found.attached or bool(returned),
        has_report=has_report,
        inner=found.inner,
    )


def _walk(message: Message, found: _Parts) -> None:
    """Sort the parts of `message`; the inside of a returned mail is not looked into."""
    waiting = [message]
    while waiting and found.count < _MAX_PARTS:
        part = waiting.pop(0)
        found.count += 1
        kind = part.get_content_type()
        inside = part.get_payload()
        if kind in ("message/delivery-status", "message/global-delivery-status"):
            found.reports.append(_whole_text(part))
        elif kind == "message/feedback-report":
            found.feedback = found.feedback or _whole_text(part)
        elif kind.startswith("message/") or kind == "text/rfc822-headers":
            _note_original(part, found)
        elif isinstance(inside, list):
            waiting = [child for child in inside if isinstance(child, Message)] + waiting
        elif kind == "text/html":
            found.pages.append(html_to_text(_text_of(part)))
        elif part.get_content_maintype() in ("text", "multipart"):
            found.texts.append(_text_of(part))


def _note_original(part: Message, found: _Parts) -> None:
    found.attached = True
    if found.original:
        return
    inside = part.get_payload()
    if isinstance(inside, list) and inside and isinstance(inside[0], Message):
        found.original = _headers(inside[0])
        if _parameter(inside[0], "report-type") == "delivery-status":
            found.inner = _whole_text(part).encode("utf-8", "surrogateescape")
        if "message-id" in found.original or "to" in found.original:
            return
        inside = inside[0].get_payload()  # some put an empty line first
    if isinstance(inside, str):
        found.original = found.original | _first_block(_text_of_bytes(_bytes_of(part), ""))


def _whole_text(part: Message) -> str:
    """The text of a part that the parser took for a message or several."""
    inside = part.get_payload()
    if isinstance(inside, str):
        return _text_of(part)
    try:
        text = "\n".join(child.as_string() for child in inside if isinstance(child, Message))
    except Exception:  # as_string stumbles over what the parser let through
        text = "\n".join(
            "".join(f"{name}: {value}\n" for name, value in child.items()) for child in inside
        )
    encoding = str(part.get("content-transfer-encoding", "")).strip().lower()
    if encoding in ("base64", "quoted-printable"):
        packed = Message()
        packed["content-transfer-encoding"] = encoding
        packed.set_payload(text.strip())
        return _text_of(packed)
    return text


def _text_of(part: Message) -> str:
    charset = part.get_param("charset", "") or ""
    return _text_of_bytes(_bytes_of(part), charset if isinstance(charset, str) else "")


def _bytes_of(part: Message) -> bytes:
    try:
        body = part.get_payload(decode=True)
    except Exception:  # undecodable base64 and the like
        body = None
    if isinstance(body, bytes):
        return body
    inside = part.get_payload()
    return inside.encode("utf-8", "surrogateescape") if isinstance(inside, str) else b""


def _text_of_bytes(body: bytes, charset: str) -> str:
    body = body[: MAX_FIELDS * 2]
    if b"\x1b$" in body or b"\x1b(J" in body:
        charset = "iso-2022-jp"
    for name in (charset, "utf-8"):
        try:
            if name:
                return _lines(body.decode(name))
        except (LookupError, ValueError):
            continue
    try:
        return _lines(body.decode(charset or "cp1252", "replace"))
    except (LookupError, ValueError):
        return _lines(body.decode("latin-1"))


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", " ")


def _headers(message: Message) -> Fields:
    headers: Fields = {}
    for name, value in list(message.items())[:500]:
        held = headers.setdefault(name.lower(), [])
        if len(held) < 50:
            held.append(decoded(str(value)[:5000]))
    return headers


def _parameter(message: Message, name: str) -> str:
    try:
        value = message.get_param(name, "")
    except Exception:  # a Content-Type that is none
        return ""
    return value.strip().lower() if isinstance(value, str) else ""


def _first_block(text: str) -> Fields:
    found = next(iter(fields_in(text.lstrip("\n")[:100_000])), {})
    return {name: [decoded(value) for value in values] for name, values in found.items()}


def _names_recipient(block: Fields) -> bool:
    return not RECIPIENT_FIELDS.isdisjoint(block)
