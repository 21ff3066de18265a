"""The sandbox that comes with the program: it reports like a real provider.

A JSON array, signed with HMAC-SHA256 over "timestamp.body"; every delivery has an id of its own,
kept over repeats.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime

from webapp.mail import replies
from webapp.mail.causes import Cause
from webapp.mail.replies import Reply
from webapp.mail.reports import Report, ReportKind
from webapp.providers import proving, reading
from webapp.providers.contract import Keys, Provider, Unreadable

TOKEN_HEADER = "X-Sandbox-Token"
TIMESTAMP = "x-sandbox-timestamp"
SIGNATURE = "x-sandbox-signature"
DELIVERY = "x-sandbox-delivery"

_KINDS: dict[str, ReportKind] = {
    "processed": ReportKind.PROCESSED,
    "deferred": ReportKind.DEFERRED,
    "delivered": ReportKind.DELIVERED,
    "bounced": ReportKind.BOUNCED,
    "soft_bounced": ReportKind.BOUNCED_SOFT,
    "dropped": ReportKind.DROPPED,
    "complained": ReportKind.COMPLAINED,
    "autoreplied": ReportKind.AUTOREPLIED,
    "opened": ReportKind.OPENED,
    "clicked": ReportKind.CLICKED,
}


def is_authentic(body: bytes, headers: Mapping[str, str], keys: Keys, now: datetime) -> bool:
    given = proving.encoded(headers.get(SIGNATURE, "").removeprefix("v1="))
    timestamp = proving.encoded(headers.get(TIMESTAMP))
    expected = [sign(key, timestamp, body).encode() for key in keys]
    return any([proving.is_same(given, signature) for signature in expected])


def sign(secret: str, timestamp: bytes, body: bytes) -> str:
    """The hexadecimal signature of one post."""
    return hmac.new(secret.encode(), timestamp + b"." + body, hashlib.sha256).hexdigest()


def parse(body: bytes, headers: Mapping[str, str]) -> list[Report]:
    events = reading.load_json(body)
    if not isinstance(events, list):
        raise Unreadable("not a list of events")
    return [_report(event) for event in events if isinstance(event, dict)]


def _report(event: dict) -> Report:
    native = reading.text(event.get("event"), 60)
    kind = _KINDS.get(native, ReportKind.UNKNOWN)
    reply = reading.text(event.get("smtp"))
    return Report(
        kind=kind,
        token=reading.text(event.get("token"), 80) or None,
        address=reading.text(event.get("address"), 320) or None,
        happened_at=reading.moment(event.get("at")),
        provider_event_id=reading.text(event.get("id"), 255) or None,
        cause=_cause(kind, reply),
        reply=reply,
        native=native,
        details={"attempt": reading.text(event.get("attempt"), 20)} if "attempt" in event else {},
    )


def _cause(kind: ReportKind, reply: str) -> Cause | None:
    if kind is ReportKind.DROPPED:
        return Cause.SUPPRESSED
    if kind not in (ReportKind.BOUNCED, ReportKind.BOUNCED_SOFT, ReportKind.DEFERRED):
        return None
    code = reply[:3]
    number = int(code) if code.isdecimal() and code.isascii() else 550
    return replies.cause_of(Reply(number, reply[4:]))


PROVIDER = Provider(
    name="sandbox",
    title="Sandbox (built in)",
    docs="",
    host="127.0.0.1",
    port=5025,
    is_set_up_by_itself=True,
    key_label="Hook secret",
    tracking_headers=lambda token: {TOKEN_HEADER: token},
    is_authentic=is_authentic,
    dedupe_key=lambda body, headers: headers.get(DELIVERY, "")[:128] or reading.digest(body),
    parse=parse,
)
