"""A raw mail opened: its headers, what it says to people, its report fields, and the mail it
returns. MIME where it holds together, lines where it does not; never raises, and never takes long:
the containers are taken apart here, because a mail may be built to keep a parser busy."""

import binascii
import email
import re
from dataclasses import dataclass, field
from email.message import Message

from webapp.mail.header_lines import RECIPIENT_FIELDS, Fields, decoded, divide, fields_in
from webapp.mail.page_text import page_to_text

MAX_RAW = 1_000_000
MAX_TEXT = 150_000  # characters of words to people that are looked at
_MAX_HEAD = 50_000
_MAX_PARTS = 50
_MAX_DEPTH = 8

_REPORT_FIELDS = re.compile(
    r"(?im)^[ \t>]{0,8}(?:final-recipient|original-recipient|x-actual-recipient)[ \t]*:"
)
_REPORTS = ("message/delivery-status", "message/global-delivery-status")


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
    left: int = _MAX_PARTS


def open_letter(raw: bytes) -> Letter:
    """Read `raw` (at most MAX_RAW bytes of it) whatever it is."""
    raw = raw[:MAX_RAW].replace(b"\r\n", b"\n").lstrip(b"\n\t ")
    if raw.startswith(b"From "):  # the envelope line of a mailbox file
        raw = raw.partition(b"\n")[2]
    found = _Parts()
    head, body = _split(raw)
    _take(head, body, found, depth=0)
    return _letter(head, found)


def _split(raw: bytes) -> tuple[Message, bytes]:
    """The headers, and what follows the empty line after them."""
    if raw.startswith(b"\n"):
        return Message(), raw[1:]
    head, _, body = raw.partition(b"\n\n")
    return email.message_from_bytes(head[:_MAX_HEAD] + b"\n\n"), body


def _take(head: Message, body: bytes, found: _Parts, depth: int) -> None:
    """Sort one part; the inside of a returned mail is not looked into."""
    kind = _kind(head)
    parts = _parts(head, body) if kind.startswith("multipart/") and depth < _MAX_DEPTH else []
    for part in parts:
        found.left -= 1
        if found.left < 0:
            return
        _take(*_split(part), found, depth + 1)
    if parts:
        return
    if kind in _REPORTS:
        found.reports.append(_text(head, body))
    elif kind == "message/feedback-report":
        found.feedback = found.feedback or _text(head, body)
    elif kind.startswith("message/") or kind == "text/rfc822-headers":
        _note_original(head, body, found)
    elif kind == "text/html":
        found.pages.append(page_to_text(_text(head, body)))
    elif kind.startswith(("text/", "multipart/")):
        found.texts.append(_text(head, body))


def _parts(head: Message, body: bytes) -> list[bytes]:
    """The first parts of a container; of more than _MAX_PARTS, the reports among the others too.
    [] where its boundary never comes."""
    boundary = _parameter(head, "boundary").encode("utf-8", "surrogateescape")
    if not boundary:
        return []
    pieces = (b"\n" + body).split(b"\n--" + boundary)[1:]
    if len(pieces) > _MAX_PARTS:
        half = _MAX_PARTS // 2
        reports = [piece for piece in pieces[half:] if b"message/" in piece[:300].lower()]
        pieces = [*pieces[:half], *reports[:half]]
    return [piece.partition(b"\n")[2] for piece in pieces if not piece.startswith(b"--")]


def _note_original(head: Message, body: bytes, found: _Parts) -> None:
    found.attached = True
    if found.original:
        return
    inside = _decoded_body(head, body).lstrip(b"\n")
    returned, _ = _split(inside)
    found.original = _headers(returned)
    if _parameter(returned, "report-type") == "delivery-status":
        found.inner = inside


def _letter(head: Message, found: _Parts) -> Letter:
    text = "\n".join(found.texts).strip() or "\n".join(found.pages).strip()
    text, returned = divide(text[:MAX_TEXT])
    blocks = [block for report in found.reports for block in fields_in(report)]
    has_report = any(map(_names_recipient, blocks))
    for lines in (text, returned):
        if not any(map(_names_recipient, blocks)) and _REPORT_FIELDS.search(lines):
            blocks = fields_in(lines)
    return Letter(
        headers=_headers(head),
        kind=_kind(head),
        report_type=_parameter(head, "report-type").lower(),
        text=text,
        blocks=[block for block in blocks if block],
        feedback=_first_block(found.feedback),
        original=found.original or _first_block(returned),
        attached=found.attached or bool(returned),
        has_report=has_report,
        inner=found.inner,
    )


def _kind(head: Message) -> str:
    return head.get_content_type()


def _parameter(head: Message, name: str) -> str:
    try:
        value = head.get_param(name, "")
    except Exception:  # a Content-Type that is none, in ways the library does not foresee
        return ""
    return value.strip() if isinstance(value, str) else ""


def _text(head: Message, body: bytes) -> str:
    charset = _parameter(head, "charset")
    body = _decoded_body(head, body)
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


def _decoded_body(head: Message, body: bytes) -> bytes:
    encoding = str(head.get("content-transfer-encoding", "")).strip().lower()
    try:
        if encoding == "base64":
            return binascii.a2b_base64(body).replace(b"\r\n", b"\n")
        if encoding == "quoted-printable":
            return binascii.a2b_qp(body).replace(b"\r\n", b"\n")
    except ValueError:  # it is not what it says: as it is
        pass
    return body


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", " ")


def _headers(head: Message) -> Fields:
    headers: Fields = {}
    for name, value in list(head.raw_items())[:500]:
        held = headers.setdefault(name.lower(), [])
        if len(held) < 50:
            held.append(decoded(str(value)[:5000]))
    return headers


def _first_block(text: str) -> Fields:
    found = next(iter(fields_in(text.lstrip("\n")[:_MAX_HEAD])), {})
    return {name: [decoded(value) for value in values] for name, values in found.items()}


def _names_recipient(block: Fields) -> bool:
    return not RECIPIENT_FIELDS.isdisjoint(block)
