"""Twilio SendGrid: https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event

Signed with ECDSA P-256 over the timestamp header and the raw body, which ends in CRLF that is
signed too. Posts come every 30 s or 768 KB, repeated up to 46 times, in no order, and again on
any answer but 2xx for 24 hours; so old timestamps are no reason to refuse, de-duplication is.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from webapp.mail import replies
from webapp.mail.causes import Cause
from webapp.mail.replies import Reply
from webapp.mail.reports import Report, ReportKind
from webapp.providers import reading
from webapp.providers.contract import Keys, Provider, Unreadable

SIGNATURE = "x-twilio-email-event-webhook-signature"
TIMESTAMP = "x-twilio-email-event-webhook-timestamp"

_KINDS: dict[str, ReportKind] = {
    "processed": ReportKind.PROCESSED,
    "deferred": ReportKind.DEFERRED,
    "delivered": ReportKind.DELIVERED,
    "bounce": ReportKind.BOUNCED,
    "dropped": ReportKind.DROPPED,
    "open": ReportKind.OPENED,
    "click": ReportKind.CLICKED,
    "spamreport": ReportKind.COMPLAINED,
    "unsubscribe": ReportKind.UNSUBSCRIBED,
    "group_unsubscribe": ReportKind.UNSUBSCRIBED,
}
# of a "bounce": blocked and expired say nothing of the mailbox itself
_BOUNCE_TYPES: dict[str, ReportKind] = {
    "bounce": ReportKind.BOUNCED,
    "blocked": ReportKind.BOUNCED_SOFT,
    "expired": ReportKind.BOUNCED_SOFT,
}
_DROP_CAUSES: list[tuple[str, Cause]] = [
    ("bounced", Cause.SUPPRESSED),
    ("unsubscrib", Cause.UNSUBSCRIBED),
    ("spam report", Cause.COMPLAINED),
    ("spam content", Cause.BLOCKED_CONTENT),
    ("invalid", Cause.INVALID_ADDRESS),
]


def tracking_headers(token: str) -> dict[str, str]:
    """unique_args come back merged flat into every event."""
    return {"X-SMTPAPI": json.dumps({"unique_args": {"copy": token}})}


def is_authentic(body: bytes, headers: Mapping[str, str], keys: Keys, now: datetime) -> bool:
    try:
        signature = base64.b64decode(headers.get(SIGNATURE, ""), validate=True)
    except binascii.Error:
        return False
    signed = headers.get(TIMESTAMP, "").encode() + body
    return any(_verifies(key, signature, signed) for key in keys)


def _verifies(key: str, signature: bytes, signed: bytes) -> bool:
    try:
        public = serialization.load_der_public_key(base64.b64decode(key))
        if not isinstance(public, ec.EllipticCurvePublicKey):
            return False
        public.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def parse(body: bytes, headers: Mapping[str, str]) -> list[Report]:
    events = reading.load_json(body)
    if not isinstance(events, list):
        raise Unreadable("not a list of events")
    return [_report(event) for event in events if isinstance(event, dict)]


def _report(event: dict) -> Report:
    native = reading.text(event.get("event"), 60)
    kind = _KINDS.get(native, ReportKind.UNKNOWN)
    if native == "bounce":
        kind = _BOUNCE_TYPES.get(reading.text(event.get("type")), ReportKind.BOUNCED)
    reason = reading.text(event.get("reason")) or reading.text(event.get("response"))
    return Report(
        kind=kind,
        token=reading.text(event.get("copy"), 80) or None,
        address=reading.text(event.get("email"), 320) or None,
        happened_at=reading.moment(event.get("timestamp")),
        # "<id>.recvd-…": only what stands before the dot is in the SMTP answer
        provider_message_id=reading.text(event.get("sg_message_id"), 255).split(".")[0] or None,
        provider_event_id=reading.text(event.get("sg_event_id"), 255) or None,
        cause=_cause(kind, event, reason),
        reply=reason,
        native=native,
        details=_details(event),
    )


def _cause(kind: ReportKind, event: dict, reason: str) -> Cause | None:
    if kind is ReportKind.DROPPED:
        lowered = reason.lower()
        return next((cause for word, cause in _DROP_CAUSES if word in lowered), Cause.SUPPRESSED)
    if kind in (ReportKind.BOUNCED, ReportKind.BOUNCED_SOFT, ReportKind.DEFERRED):
        if reading.text(event.get("type")) == "expired":
            return Cause.GAVE_UP
        code = reason[:3]
        number = int(code) if code.isdecimal() and code.isascii() else 550
        words = reason[4:] if code.isdecimal() else reason
        return replies.cause_of(Reply(number, words))
    return None


def _details(event: dict) -> dict:
    named = {
        "url": "url",
        "useragent": "user_agent",
        "attempt": "attempt",
        "sg_machine_open": "machine",
    }
    return {
        ours: reading.text(event[theirs], 1000) for theirs, ours in named.items() if theirs in event
    }


PROVIDER = Provider(
    name="sendgrid",
    title="SendGrid",
    docs="https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event",
    host="smtp.sendgrid.net",
    key_label="Verification key of the Signed Event Webhook",
    tracking_headers=tracking_headers,
    is_authentic=is_authentic,
    dedupe_key=lambda body, headers: reading.digest(body),
    parse=parse,
)
