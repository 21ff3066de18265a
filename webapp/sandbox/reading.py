"""What stands in a mail, however broken it is: every text is a stranger's, none of it raises."""

import email
import re
from dataclasses import dataclass
from email.header import decode_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import compat32

from webapp.mail import replies

MAX_TEXT = 200_000
MAX_SOURCE = 500_000
MAX_SEARCH = 20_000
_MAX_HEAD = 256 * 1024
_MAX_PARTS = 200


@dataclass(frozen=True)
class Headline:
    """What the list of mails shows, and what reports need."""

    subject: str
    token: str
    message_id: str


@dataclass(frozen=True)
class Content:
    """A mail taken apart. `html` and `text` are "" where there is none; `attachments` are (name,
    type, size); `links` the http(s) addresses in it."""

    headers: list[tuple[str, str]]
    html: str
    text: str
    attachments: list[tuple[str, str, int]]
    links: list[str]


def headline(raw: bytes) -> Headline:
    """Quick: only the head is parsed."""
    head = BytesHeaderParser().parsebytes(raw[:_MAX_HEAD].partition(b"\r\n\r\n")[0])
    return Headline(
        subject=_words(head.get("Subject"), 300),
        token=_words(head.get("X-Sandbox-Token"), 100).strip(),
        message_id=_words(head.get("Message-ID"), 300).strip(),
    )


def read(raw: bytes) -> Content:
    """The whole mail."""
    try:
        message = email.message_from_bytes(raw, policy=compat32)
        parts = [part for _, part in zip(range(_MAX_PARTS), message.walk(), strict=False)]
    except (RecursionError, ValueError, LookupError, AttributeError, TypeError):
        return Content([], "", _decode(raw, "utf-8")[:MAX_TEXT], [], [])
    html = text = ""
    attachments = []
    for part in parts:
        if part.is_multipart():
            continue
        kind, content = part.get_content_type(), _payload(part)
        if part.get_content_disposition() == "attachment" or not kind.startswith("text/"):
            attachments.append((_name(part), replies.clean_text(kind, 100), len(content)))
        elif kind == "text/html":
            html = html or _decode(content, _charset(part))[:MAX_TEXT]
        else:
            text = text or _decode(content, _charset(part))[:MAX_TEXT]
    headers = [(replies.clean_text(name, 200), _words(value)) for name, value in message.items()]
    return Content(headers[:_MAX_PARTS], html, text, attachments, links(f"{text}\n{html}"))


def source(raw: bytes) -> str:
    """The mail as it came, fit to be shown."""
    return _decode(raw[:MAX_SOURCE], "utf-8")


def searchable(names: str, raw: bytes) -> str:
    """The text that a search looks through, case folded; `names` (addresses, subject) first."""
    content = read(raw)
    text = content.text or re.sub(r"<[^>]*>", " ", content.html)
    return f"{names}\n{text[:MAX_SEARCH]}".casefold()


def links(text: str) -> list[str]:
    """The http(s) addresses in a text or in HTML, each once, at most 50."""
    found = re.findall(r"https?://[^\s<>\"'\\]{1,2000}", text)
    return list(dict.fromkeys(link.replace("&amp;", "&").rstrip(".,;)") for link in found))[:50]


def _payload(part: Message) -> bytes:
    try:
        content = part.get_payload(decode=True)
    except (ValueError, LookupError, AssertionError):
        content = str(part.get_payload()).encode("utf-8", "replace")
    return content if isinstance(content, bytes) else b""


def _charset(part: Message) -> str:
    try:
        return str(part.get_content_charset("utf-8"))
    except (ValueError, LookupError):
        return "utf-8"


def _decode(content: bytes, charset: str) -> str:
    try:
        text = content.decode(charset, "replace")
    except (LookupError, ValueError):
        text = content.decode("utf-8", "replace")
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def _name(part: Message) -> str:
    try:
        return _words(part.get_filename(), 200) or "(no name)"
    except (ValueError, LookupError, TypeError):
        return "(no name)"


def _words(value: object, limit: int = 2000) -> str:
    """A header's value decoded (RFC 2047), its bytes taken as UTF-8."""
    text = str(value or "").replace("\r", "").replace("\n", "")
    try:
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        pieces = [
            piece.decode(charset or "utf-8", "replace") if isinstance(piece, bytes) else piece
            for piece, charset in decode_header(text[: limit * 8])
        ]
        text = "".join(pieces)
    except (ValueError, LookupError):  # binascii.Error and HeaderParseError are ValueErrors
        pass
    return replies.clean_text(text, limit)
