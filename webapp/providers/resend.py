"""Resend: https://resend.com/docs/dashboard/webhooks/introduction

Signed after Standard Webhooks (https://www.standardwebhooks.com), with headers svix-id,
svix-timestamp and svix-signature. Every try is signed anew, so what is older than five minutes is
a replay. Repeated from 5 s to 10 h later, then the endpoint is switched off.
"""

import base64
import hashlib
import hmac
import math
from collections.abc import Mapping
from datetime import datetime

from webapp.mail.causes import Cause
from webapp.mail.reports import Report, ReportKind
from webapp.providers import proving, reading
from webapp.providers.contract import Keys, Provider

HEADER = "X-Email-Tracker-Copy"
WINDOW_SECONDS = 300

_KINDS: dict[str, tuple[ReportKind, Cause | None]] = {
    "email.scheduled": (ReportKind.UNKNOWN, None),
    "email.sent": (ReportKind.PROCESSED, None),
    "email.delivered": (ReportKind.DELIVERED, None),
    "email.delivery_delayed": (ReportKind.DEFERRED, None),
    "email.bounced": (ReportKind.BOUNCED, None),
    "email.failed": (ReportKind.DROPPED, Cause.OUR_SERVER),
    "email.suppressed": (ReportKind.DROPPED, Cause.SUPPRESSED),
    "email.complained": (ReportKind.COMPLAINED, None),
    "email.opened": (ReportKind.OPENED, None),
    "email.clicked": (ReportKind.CLICKED, None),
}
# type and subType of a bounce, as of the Amazon SES behind it
_SUB_CAUSES: dict[str, Cause] = {
    "Suppressed": Cause.SUPPRESSED,
    "OnAccountSuppressionList": Cause.SUPPRESSED,
    "NoEmail": Cause.MAILBOX_MISSING,
    "MailboxFull": Cause.MAILBOX_FULL,
    "MessageTooLarge": Cause.TOO_LARGE,
    "ContentRejected": Cause.BLOCKED_CONTENT,
    "AttachmentRejected": Cause.BLOCKED_CONTENT,
}
_NOT_OURS = ("email.received", "contact.", "domain.")  # about no mail that we have sent


def tracking_headers(token: str) -> dict[str, str]:
    """Headers of our own come back in data.headers."""
    return {HEADER: token}


def is_authentic(body: bytes, headers: Mapping[str, str], keys: Keys, now: datetime) -> bool:
    identity, stamp = _header(headers, "id"), _header(headers, "timestamp")
    try:
        seconds = float(stamp)
        if not math.isfinite(seconds) or abs(now.timestamp() - seconds) > WINDOW_SECONDS:
            return False
    except ValueError:
        return False
    if not identity:
        return False
    signed = b".".join([proving.encoded(identity), b"%d" % int(seconds), body])
    given = [
        proving.encoded(each[3:])
        for each in _header(headers, "signature").split()[:20]
        if each.startswith("v1,")
    ]
    expected = [_sign(key, signed) for key in keys]
    return any([proving.is_same(one, other) for one in expected for other in given])


def _sign(key: str, signed: bytes) -> bytes:
    """In base64; b"" for a key that is none."""
    secret = proving.unbase64(key.strip().removeprefix("whsec_"))
    if not secret:
        return b""
    return base64.b64encode(hmac.digest(secret, signed, hashlib.sha256))


def _header(headers: Mapping[str, str], name: str) -> str:
    return headers.get(f"svix-{name}") or headers.get(f"webhook-{name}") or ""


def dedupe_key(body: bytes, headers: Mapping[str, str]) -> str:
    return reading.delivery_key(_header(headers, "id"), body)


def parse(body: bytes, headers: Mapping[str, str]) -> list[Report]:
    event = reading.load_object(body)
    native = reading.text(event.get("type"), 60)
    if native.startswith(_NOT_OURS):
        return []
    data = reading.inner(event, "data")
    bounce = reading.inner(data, "bounce")
    reason = reading.text(bounce.get("subType"), 60)
    description = next(
        (
            reading.optional(found)
            for found in (
                bounce.get("message"),
                reading.inner(data, "suppressed").get("message"),
                reading.inner(data, "failed").get("reason"),
            )
            if found is not None
        ),
        None,
    )
    kind, cause = _kind(native, bounce, reason, description or "")
    to = reading.listed(data.get("to")) or [data.get("to")]
    return [
        Report(
            kind=kind,
            token=reading.token(_tag(data), data.get("message_id")),
            # one To per mail of ours; what goes to several names all of them in every event
            address=reading.address(to[0]),
            happened_at=reading.moment(event.get("created_at")),
            provider_message_id=reading.text(data.get("email_id"), 255) or None,
            provider_event_id=_header(headers, "id")[:255] or None,
            cause=cause,
            description=description,
            native=native,
            details=reading.details(
                reading.inner(data, "click"), {"link": "url", "userAgent": "user_agent"}
            )
            | reading.details(bounce, {"subType": "reason"}),
        )
    ]


def _kind(native: str, bounce: dict, reason: str, words: str) -> tuple[ReportKind, Cause | None]:
    kind, cause = _KINDS.get(native, (ReportKind.UNKNOWN, None))
    if kind is ReportKind.DEFERRED:
        return kind, Cause.UNKNOWN
    if native != "email.bounced":
        return kind, cause
    if reason in _SUB_CAUSES:
        cause = _SUB_CAUSES[reason]
    elif "suppressed sending" in words:
        cause = Cause.SUPPRESSED
    else:
        cause = reading.cause_of(words)
    if cause is Cause.SUPPRESSED:  # it refused to try
        return ReportKind.DROPPED, cause
    severity = reading.text(bounce.get("type"), 20)
    is_hard = severity == "Permanent" or (not severity and "hard bounce" in words)
    return ReportKind.BOUNCED if is_hard else ReportKind.BOUNCED_SOFT, cause


def _tag(data: dict) -> str:
    return reading.header_of(data.get("headers"), HEADER.lower()) or reading.header_of(
        data.get("tags"), "copy"
    )


PROVIDER = Provider(
    name="resend",
    title="Resend",
    docs="https://resend.com/docs/dashboard/webhooks/introduction",
    host="smtp.resend.com",
    other_ports=(2587, 465),
    username="resend",
    username_hint="The word resend, for every account.",
    password_hint="An API key with the right to send.",
    key_label="Signing secret of the webhook",
    key_hint="It begins with whsec_.",
    setup=(
        "In Resend open Webhooks → Add webhook and paste the hook address.",
        "Choose every event that begins with email.",
        "Copy the signing secret of the new webhook, and paste it here.",
    ),
    kept_headers=("svix-id", "webhook-id"),
    tracking_headers=tracking_headers,
    message_id_in=reading.queued_as,
    is_authentic=is_authentic,
    dedupe_key=dedupe_key,
    parse=parse,
)
