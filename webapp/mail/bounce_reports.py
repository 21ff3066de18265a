"""A mail that came back, as Reports: of which copy it speaks, and what it says in our words."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from webapp.lib.signing import TOKEN_SHAPE
from webapp.mail import bounces, findings, reading_replies
from webapp.mail.bounces import Kind, Reading
from webapp.mail.causes import Cause
from webapp.mail.findings import Finding, Verdict
from webapp.mail.letters import Letter
from webapp.mail.replies import clean_text
from webapp.mail.reports import Report, ReportKind

_TOKEN = re.compile(rf"(?i)(?<![0-9a-z-])({TOKEN_SHAPE})(?![0-9a-z-])")
_IN_AN_ADDRESS = re.compile(rf"(?i)(?<![0-9a-z-])({TOKEN_SHAPE})@")
# where our token travels, from the surest place on: the return path, the envelope's id (RFC 3461),
# the Message-ID
_ENVELOPE = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "to", "cc")
_MESSAGE_ID = ("message-id", "x-original-message-id", "return-path", "errors-to")
_ANSWERED = ("in-reply-to", "references")
# RFC 5965 3.1 and IANA: what a person says, and what only a machine does
_FEEDBACK: dict[str, ReportKind] = {
    "abuse": ReportKind.COMPLAINED,
    "fraud": ReportKind.COMPLAINED,
    "opt-out": ReportKind.UNSUBSCRIBED,
    "opt-out-list": ReportKind.UNSUBSCRIBED,
    "unsubscribe": ReportKind.UNSUBSCRIBED,
}
# nobody refused: a number is needed to call such a bounce permanent
_TRANSIENT = (Cause.GAVE_UP, Cause.UNREACHABLE)


def read(raw: bytes, envelope_to: str = "") -> list[Report]:
    """What `raw`, which came to the return path `envelope_to` (or ""), says. Never raises.

    One Report for each recipient it names; of mail that is no notice, one of kind UNKNOWN, so that
    nothing is thrown away.
    """
    reading = bounces.read(raw)
    letter = reading.letter
    token = token_in(letter, envelope_to)
    return [_report(reading, found, token) for found in _findings(reading)]


def token_in(letter: Letter, envelope_to: str) -> str | None:
    """What looks like our token, in the places where it travels; whether it is one, HMAC tells."""
    places = [envelope_to, *_values(letter.headers, _ENVELOPE)]
    places += [value for block in letter.blocks for value in block.get("original-envelope-id", [])]
    places += letter.feedback.get("original-envelope-id", [])
    places += letter.feedback.get("original-mail-from", [])
    places += _values(letter.original, _MESSAGE_ID) + _values(letter.headers, _ANSWERED)
    for place in places:
        if match := _TOKEN.search(place[:2000]):
            return match[1].lower()
    match = _IN_AN_ADDRESS.search(letter.text)
    return match[1].lower() if match else None


def _values(headers: dict[str, list[str]], names: tuple[str, ...]) -> list[str]:
    return [value for name in names for value in headers.get(name, [])]


def _findings(reading: Reading) -> list[Finding]:
    if reading.findings:
        return reading.findings
    letter = reading.letter
    if reading.kind is Kind.BOUNCE:
        return [findings.judge("", " ".join(letter.text.split())[:1500])]
    return [Finding("", None, "", None, None, "")]


def _report(reading: Reading, found: Finding, token: str | None) -> Report:
    letter = reading.letter
    kind = _kind(reading, found)
    is_notice = reading.kind in (Kind.BOUNCE, Kind.DELIVERED)
    native = _native(reading, found)
    address = clean_text(found.address, 320)
    return Report(
        kind=kind,
        token=token,
        address=address or None,
        happened_at=_date(letter),
        provider_message_id=_message_id(letter),
        provider_event_id=clean_text(letter.first("message-id"), 255) or None,
        cause=_cause(kind, found),
        reply=clean_text(found.reply),
        native=clean_text(native, 60),
        details={"status": found.status} if found.status else {},
        names=_names(found, address) if is_notice else (),
    )


def _cause(kind: ReportKind, found: Finding) -> Cause | None:
    """None of a delivery; where trying ended and nobody knows why, that it was given up."""
    if kind is ReportKind.DELIVERED:
        return None
    is_over = kind is ReportKind.BOUNCED_SOFT and found.verdict is Verdict.TEMPORARY
    return Cause.GAVE_UP if is_over and found.cause is Cause.UNKNOWN else found.cause


def _names(found: Finding, address: str) -> tuple[str, ...]:
    others = [clean_text(alias, 320) for alias in found.aliases]
    return tuple(name for name in [address, *others] if name)


def _kind(reading: Reading, found: Finding) -> ReportKind:
    if reading.kind is Kind.COMPLAINT:
        return _FEEDBACK.get(reading_replies.feedback_type(reading.letter), ReportKind.UNKNOWN)
    if reading.kind is Kind.AUTOREPLY:
        return ReportKind.AUTOREPLIED
    if reading.kind is Kind.NOT_BOUNCE:
        return ReportKind.UNKNOWN
    if found.verdict is Verdict.DELIVERED:
        return ReportKind.DELIVERED
    if found.is_final is False:
        return ReportKind.DEFERRED
    is_refused = found.verdict is Verdict.PERMANENT
    if is_refused and (found.cause not in _TRANSIENT or found.status.startswith("5")):
        return ReportKind.BOUNCED
    return ReportKind.BOUNCED_SOFT


def _native(reading: Reading, found: Finding) -> str:
    if reading.kind is Kind.COMPLAINT:
        return f"complaint: {reading_replies.feedback_type(reading.letter)}"
    if reading.kind is Kind.NOT_BOUNCE:
        return "mail that is no notice"
    return " ".join([reading.kind.value, found.status]).strip()


def _message_id(letter: Letter) -> str | None:
    """The returned mail's Message-ID; of Amazon SES, which makes its own, without the domain."""
    said = next(iter(letter.original.get("message-id", [])), "").strip().strip("<>")
    local, _, domain = said.rpartition("@")
    return clean_text(local if domain.endswith("amazonses.com") else said, 255) or None


def _date(letter: Letter) -> datetime | None:
    try:
        found = parsedate_to_datetime(letter.first("date"))
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
