"""Twilio SendGrid: https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event

Signed with ECDSA P-256 over the timestamp header and the raw body, which ends in CRLF that is
signed too. Posts come every 30 s or 768 KB, repeated up to 46 times, in no order, and again on
any answer but 2xx for 24 hours; so old timestamps are no reason to refuse, de-duplication is.
"""

import json
from collections.abc import Mapping
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from webapp.mail.causes import Cause
from webapp.mail.reports import Report, ReportKind
from webapp.providers import proving, reading
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
    "group_resubscribe": ReportKind.SUBSCRIBED,
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
    ("over package quota", Cause.OUR_SERVER),
    ("smtpapi", Cause.OUR_SERVER),
    ("invalid", Cause.INVALID_ADDRESS),
]
_DETAILS = {
    "url": "url",
    "useragent": "user_agent",
    "attempt": "attempt",
    "smtp-id": "message_id",
    "type": "reason",
}
_FAILED = (ReportKind.BOUNCED, ReportKind.BOUNCED_SOFT, ReportKind.DEFERRED, ReportKind.DROPPED)


def tracking_headers(token: str) -> dict[str, str]:
    """unique_args come back merged flat into every event."""
    return {"X-SMTPAPI": json.dumps({"unique_args": {"copy": token}})}


def is_authentic(body: bytes, headers: Mapping[str, str], keys: Keys, now: datetime) -> bool:
    signature = proving.unbase64(headers.get(SIGNATURE))
    signed = proving.encoded(headers.get(TIMESTAMP)) + body
    return any([_verifies(key, signature or b"", signed) for key in keys])


def _verifies(key: str, signature: bytes, signed: bytes) -> bool:
    public = proving.public_key(key)
    if not isinstance(public, ec.EllipticCurvePublicKey):
        return False
    try:
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
    reason = reading.text(event.get("type"), 60)
    if native == "bounce":
        kind = _BOUNCE_TYPES.get(reason, ReportKind.BOUNCED)
    reply = reading.lines(event.get("response")) or reading.lines(event.get("reason"))
    details = reading.details(event, _DETAILS)
    if event.get("sg_machine_open") is True:
        details["machine"] = "true"
    return Report(
        kind=kind,
        token=reading.token(event.get("copy"), event.get("smtp-id")),
        address=reading.text(event.get("email"), 320) or None,
        happened_at=reading.moment(event.get("timestamp")),
        # "<id>.recvd-…": only what stands before the dot is in the SMTP answer
        provider_message_id=reading.text(event.get("sg_message_id"), 255).partition(".")[0] or None,
        provider_event_id=reading.text(event.get("sg_event_id"), 255) or None,
        cause=_cause(kind, reason, reply) if kind in _FAILED else None,
        reply=reply,
        native=native,
        details=details,
    )


def _cause(kind: ReportKind, reason: str, reply: str) -> Cause:
    if kind is ReportKind.DROPPED:
        words = f"{reason} {reply}".lower()
        return next((cause for word, cause in _DROP_CAUSES if word in words), Cause.SUPPRESSED)
    if reason == "expired":
        return Cause.GAVE_UP
    return reading.cause_of(reply, is_for_now=kind is ReportKind.DEFERRED)


PROVIDER = Provider(
    name="sendgrid",
    title="SendGrid",
    docs="https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event",
    host="smtp.sendgrid.net",
    other_ports=(2525, 465),
    username="apikey",
    username_hint="The word apikey, for every account.",
    password_hint="An API key with the right “Mail Send”.",
    key_label="Verification key of the Signed Event Webhook",
    setup=(
        "In SendGrid open Settings → Mail Settings → Event Webhooks and make a new one.",
        "Paste the hook address as its Post URL and choose all deliverability events.",
        "Switch Signature Verification on, save, and paste the verification key here.",
    ),
    tracking_headers=tracking_headers,
    message_id_in=reading.queued_as,
    is_authentic=is_authentic,
    dedupe_key=lambda body, headers: reading.digest(body),
    parse=parse,
)
