"""Header lines in running text: where a returned mail begins, groups of fields, encoded words."""

import email.errors
import email.header
import re

Fields = dict[str, list[str]]

# a returned mail's own header block begins where such lines stand together
_HEADER = re.compile(r"(?:> ?)?([A-Za-z][A-Za-z0-9-]{1,50})[ \t]{0,2}:(?:[ \t]|$)")
_TRACES = {
    *("received", "return-path", "message-id", "mime-version", "dkim-signature", "x-received"),
    *("delivered-to", "x-original-to", "content-type", "list-id", "x-mailer"),
}
_USUAL = {"from", "to", "subject", "date", "sender", "reply-to", "cc"}
RECIPIENT_FIELDS = {"final-recipient", "original-recipient"}


def divide(text: str) -> tuple[str, str]:
    """The words to people, and what is returned with them: where a block of headers begins that
    only a mail has. No language is needed for that."""
    lines = text.split("\n")
    start = 0
    while start < len(lines):
        if ":" not in lines[start]:
            start += 1
            continue
        names, end = _header_run(lines, start)
        if len(names) >= 3 and names & _TRACES and len(names & (_TRACES | _USUAL)) >= 3:
            return "\n".join(lines[:start]), "\n".join(lines[start:])
        start = max(end, start + 1)
    return text, ""


def _header_run(lines: list[str], start: int) -> tuple[set[str], int]:
    """The names of the header lines that stand together from `start`, and where they end."""
    names: set[str] = set()
    at = start
    while at < len(lines):
        match = _HEADER.match(lines[at])
        if match:
            names.add(match[1].lower())
        elif not (names and lines[at][:1] in (" ", "\t", ">") and lines[at].strip("> \t")):
            break
        at += 1
    return names, at


def fields_in(text: str) -> list[Fields]:
    """The groups of fields in `text`: lines `Name: value` that stand together, unfolded. Free
    text among them is passed over."""
    groups: list[Fields] = []
    group: Fields = {}
    last: list[str] | None = None
    for line in text.split("\n"):
        line = line[1:].lstrip() if line.startswith(">") else line.rstrip()
        match = _HEADER.match(line.lstrip()) if line[:1] not in (" ", "\t") else None
        if match is None and line.strip() and last is not None and line[:1] in (" ", "\t"):
            last[-1] = f"{last[-1]} {line.strip()}"[:5000]
        elif match:
            name = match[1].lower()
            if name in group and name in RECIPIENT_FIELDS:  # the next one, without an empty line
                groups.append(group)
                group = {}
            held = group.setdefault(name, [])
            held.append(line.split(":", 1)[1].strip()[:5000])
            last = held
        elif group and not line.strip():
            groups.append(group)
            group, last = {}, None
        else:
            last = None
    return [*groups, group] if group else groups


def decoded(value: str) -> str:
    """A header value, unfolded, its encoded words (RFC 2047) as text."""
    value = " ".join(_text(value.encode("utf-8", "surrogateescape")).split())
    if "=?" not in value:
        return value
    try:
        return str(email.header.make_header(email.header.decode_header(value)))
    except (ValueError, LookupError, email.errors.MessageError):
        return value


def _text(raw: bytes) -> str:
    """Bytes above ASCII in a header are against the rules, and frequent; gb18030 for what is not
    UTF-8, as it is who still writes so."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("gb18030", "replace")
