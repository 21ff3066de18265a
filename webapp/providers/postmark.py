"""Postmark: https://postmarkapp.com/developer/webhooks/webhooks-overview

Nothing is signed: the address is secret and names a user and password. Ten repeats in 10.5 hours;
403 would end them for good. Bounces carry an id of their own, nothing else does.
"""

from collections.abc import Mapping
from datetime import datetime

from webapp.mail.causes import Cause
from webapp.mail.reports import Report, ReportKind
from webapp.providers import proving, reading
from webapp.providers.contract import Keys, Provider

_KINDS: dict[str, ReportKind] = {
    "Delivery": ReportKind.DELIVERED,
    "Open": ReportKind.OPENED,
    "Click": ReportKind.CLICKED,
    "Bounce": ReportKind.BOUNCED_SOFT,
    "SpamComplaint": ReportKind.COMPLAINED,
    "SubscriptionChange": ReportKind.UNSUBSCRIBED,
}
# Type of a Bounce or SpamComplaint, and SuppressionReason of a SubscriptionChange. A cause of None
# is found in the mail server's words.
_TYPES: dict[str, tuple[ReportKind, Cause | None]] = {
    "HardBounce": (ReportKind.BOUNCED, None),
    "SoftBounce": (ReportKind.BOUNCED_SOFT, None),
    "Transient": (ReportKind.DEFERRED, None),
    "DnsError": (ReportKind.DEFERRED, Cause.UNREACHABLE),
    "OpenRelayTest": (ReportKind.DEFERRED, None),
    # an ISP speaks of us or of the text, not of the mailbox
    "Blocked": (ReportKind.BOUNCED_SOFT, Cause.BLOCKED_REPUTATION),
    "DMARCPolicy": (ReportKind.BOUNCED_SOFT, Cause.AUTH_POLICY),
    "SpamNotification": (ReportKind.BOUNCED_SOFT, Cause.BLOCKED_CONTENT),
    "VirusNotification": (ReportKind.BOUNCED_SOFT, Cause.BLOCKED_CONTENT),
    # an answer came, so it has arrived
    "AutoResponder": (ReportKind.AUTOREPLIED, None),
    "AddressChange": (ReportKind.AUTOREPLIED, None),
    "ChallengeVerification": (ReportKind.AUTOREPLIED, None),
    "BadEmailAddress": (ReportKind.DROPPED, Cause.INVALID_ADDRESS),
    "ManuallyDeactivated": (ReportKind.DROPPED, Cause.SUPPRESSED),
    "Unconfirmed": (ReportKind.DROPPED, Cause.OUR_SERVER),
    "SMTPApiError": (ReportKind.DROPPED, Cause.OUR_SERVER),
    "TemplateRenderingFailed": (ReportKind.DROPPED, Cause.OUR_SERVER),
    "SpamComplaint": (ReportKind.COMPLAINED, None),
    "Unsubscribe": (ReportKind.UNSUBSCRIBED, None),
    "ManualSuppression": (ReportKind.UNSUBSCRIBED, None),
    "Subscribe": (ReportKind.SUBSCRIBED, None),
    "InboundError": (ReportKind.UNKNOWN, None),
    "Unknown": (ReportKind.UNKNOWN, None),
}
_FAILED = (ReportKind.BOUNCED, ReportKind.BOUNCED_SOFT, ReportKind.DEFERRED)


def tracking_headers(token: str) -> dict[str, str]:
    """They come back as Metadata."""
    return {"X-PM-Metadata-copy": token}


def is_authentic(body: bytes, headers: Mapping[str, str], keys: Keys, now: datetime) -> bool:
    return proving.knows_password(headers, keys)


def parse(body: bytes, headers: Mapping[str, str]) -> list[Report]:
    event = reading.load_object(body)
    record = reading.text(event.get("RecordType"), 60)
    if record == "Inbound" or (not record and "FromFull" in event):
        return []  # a mail to us, not about one of ours
    return [_report(event, record)]


def _report(event: dict, record: str) -> Report:
    kind, cause, word = _kind(event, record)
    reply = reading.lines(event.get("Details"))
    if cause is None and kind in _FAILED and record == "Bounce":
        cause = reading.cause_of(reply, is_for_now=kind is ReportKind.DEFERRED)
    return Report(
        kind=kind,
        token=reading.token(reading.inner(event, "Metadata").get("copy")),
        address=_first(event, "Email", "Recipient")[:320] or None,
        happened_at=reading.moment(
            _first(event, "DeliveredAt", "BouncedAt", "ReceivedAt", "ChangedAt")
        ),
        provider_message_id=reading.text(event.get("MessageID"), 255) or None,
        provider_event_id=reading.text(event.get("ID"), 255) or None,
        cause=cause,
        reply=reply,
        description=reading.optional(event.get("Description")),
        native=f"{record}/{word}" if word else record,
        details=reading.details(
            event, {"OriginalLink": "url", "UserAgent": "user_agent", "Name": "reason"}
        ),
    )


def _kind(event: dict, record: str) -> tuple[ReportKind, Cause | None, str]:
    kind = _KINDS.get(record, ReportKind.UNKNOWN)
    word = ""
    if record in ("Bounce", "SpamComplaint"):
        word = reading.text(event.get("Type"), 40)
    if record == "SubscriptionChange":
        is_stopped = event.get("SuppressSending", True)
        word = reading.text(event.get("SuppressionReason"), 40) if is_stopped else "Subscribe"
    found, cause = _TYPES.get(word, (kind, None))
    return found, cause, word


def _first(event: dict, *names: str) -> str:
    return next((reading.text(event[name]) for name in names if name in event), "")


PROVIDER = Provider(
    name="postmark",
    title="Postmark",
    docs="https://postmarkapp.com/developer/webhooks/webhooks-overview",
    host="smtp.postmarkapp.com",
    other_ports=(2525, 25),
    host_hint="smtp-broadcasts.postmarkapp.com for a stream of broadcasts.",
    username_hint="The server API token.",
    password_hint="The same token again.",
    key_label="Password of the webhook",
    is_key_ours=True,
    setup=(
        "Make a password below. It is shown once, so have the other page open.",
        "In Postmark open your server, its message stream, then Webhooks → Add webhook.",
        "Paste the hook address, and under Basic auth credentials the user and password.",
        "Tick Delivery, Bounce, Spam complaint and Subscription change.",
    ),
    stops=(200, 403),
    tracking_headers=tracking_headers,
    is_authentic=is_authentic,
    dedupe_key=lambda body, headers: reading.digest(body),
    parse=parse,
)
