"""What we make of posts in a file, in the words of django-anymail, for measuring against it.

Nothing else speaks these words: a Report is richer, and the tables here say where it differs.
Ours is printed, because it says more, for: SES DeliveryDelay and Subscription, Resend email.failed
and email.suppressed, Postal MessageLoaded (all "unknown" over there); Brevo posts of several
events, and its times in seconds; SparkPost times in ISO form; posts about no mail of ours (Postal
domains, Resend contacts), which are no events at all.
"""

import base64
from collections.abc import Callable, Mapping
from typing import Any

from webapp.lib import clock
from webapp.mail.reports import Report, ReportKind
from webapp.providers import proving, reading
from webapp.providers.contract import Keys, Provider, Unreadable

_TYPES: dict[ReportKind, str] = {
    ReportKind.PROCESSED: "queued",
    ReportKind.DEFERRED: "deferred",
    ReportKind.DELIVERED: "delivered",
    ReportKind.BOUNCED_SOFT: "bounced",
    ReportKind.BOUNCED: "bounced",
    ReportKind.DROPPED: "rejected",
    ReportKind.AUTOREPLIED: "autoresponded",
    ReportKind.OPENED: "opened",
    ReportKind.CLICKED: "clicked",
    ReportKind.COMPLAINED: "complained",
    ReportKind.UNSUBSCRIBED: "unsubscribed",
    ReportKind.SUBSCRIBED: "subscribed",
    ReportKind.UNKNOWN: "unknown",
}
# (provider, its word, our kind) → their type, where it is not that of our kind
_OTHER_TYPES: dict[tuple[str, str, ReportKind], str] = {
    # theirs says "handed over", where ours asks only whether there is a verdict
    ("amazon_ses", "Send", ReportKind.PROCESSED): "sent",
    ("resend", "email.sent", ReportKind.PROCESSED): "sent",
    # never tried, because the address is on the provider's list: dropped for us
    ("amazon_ses", "Bounce", ReportKind.DROPPED): "bounced",
    ("mailgun", "failed", ReportKind.DROPPED): "bounced",
    ("resend", "email.bounced", ReportKind.DROPPED): "bounced",
    ("sparkpost", "bounce", ReportKind.DROPPED): "bounced",
    ("sparkpost", "out_of_band", ReportKind.DROPPED): "bounced",
    ("brevo", "invalid_email", ReportKind.DROPPED): "bounced",
    ("amazon_ses", "Complaint", ReportKind.DROPPED): "complained",
    # a feedback report that is no complaint of a person
    ("amazon_ses", "Complaint", ReportKind.UNKNOWN): "complained",
    # the provider could not make the mail: dropped, with our server as the cause
    ("amazon_ses", "Rendering Failure", ReportKind.DROPPED): "failed",
    ("brevo", "error", ReportKind.DROPPED): "failed",
    ("resend", "email.failed", ReportKind.DROPPED): "failed",
    ("sparkpost", "generation_failure", ReportKind.DROPPED): "failed",
    ("postmark", "Bounce/SMTPApiError", ReportKind.DROPPED): "failed",
    ("postmark", "Bounce/TemplateRenderingFailed", ReportKind.DROPPED): "failed",
    # the recipient's server was asked and said no: bounced for us
    ("postal", "MessageDeliveryFailed", ReportKind.BOUNCED): "failed",
    ("postmark", "Bounce/Blocked", ReportKind.BOUNCED_SOFT): "rejected",
    ("postmark", "Bounce/DMARCPolicy", ReportKind.BOUNCED_SOFT): "rejected",
    ("mailgun", "dropped", ReportKind.BOUNCED_SOFT): "rejected",
    # a filter's notice is not a person's complaint
    ("postmark", "Bounce/SpamNotification", ReportKind.BOUNCED_SOFT): "complained",
    # held over there until somebody releases it
    ("postal", "MessageHeld", ReportKind.DEFERRED): "queued",
    ("postal", "MessageHeld", ReportKind.DROPPED): "queued",
    ("postmark", "Bounce/InboundError", ReportKind.UNKNOWN): "inbound_failed",
}
# the providers' words for why → their reject reason
_SENDGRID_REASONS = {
    "invalid": "invalid", "unsubscribed address": "unsubscribed", "bounce": "bounced",
    "bounced address": "bounced", "blocked": "blocked", "expired": "timed_out",
}  # fmt: skip
_MAILGUN_REASONS = {"bounce": "bounced", "suppress-bounce": "bounced"}
_MAILGUN_CODES = {"499": "timed_out", "605": "bounced", "607": "spam"}
_POSTMARK_REASONS = {
    "HardBounce": "bounced", "SoftBounce": "bounced", "VirusNotification": "other",
    "BadEmailAddress": "invalid", "ManuallyDeactivated": "blocked", "Blocked": "blocked",
    "DMARCPolicy": "blocked", "SpamNotification": "spam", "SpamComplaint": "spam",
    "Unsubscribe": "unsubscribed", "ManualSuppression": "unsubscribed",
}  # fmt: skip
_SES_REASONS = {"Bounce": "bounced", "Complaint": "spam", "Reject": "blocked"}
_BREVO_REASONS = {
    "hard_bounce": "bounced", "soft_bounce": "bounced", "blocked": "blocked", "spam": "spam",
    "complaint": "spam", "invalid_email": "invalid",
}  # fmt: skip
_MAILJET_REASONS = {
    "user unknown": "bounced", "mailbox inactive": "bounced", "quota exceeded": "bounced",
    "invalid domain": "bounced", "no mail host": "bounced", "relay/access denied": "bounced",
    "blacklisted": "blocked", "sender blocked": "blocked", "content blocked": "blocked",
    "policy issue": "blocked", "preblocked": "blocked", "spam reporter": "spam",
    "typofix": "invalid",
}  # fmt: skip
_SPARKPOST_REASONS = {
    "10": "invalid", "20": "bounced", "21": "bounced", "22": "bounced", "23": "bounced",
    "24": "timed_out", "25": "blocked", "30": "bounced", "40": "bounced", "50": "blocked",
    "51": "spam", "52": "spam", "54": "blocked", "70": "bounced", "90": "unsubscribed",
}  # fmt: skip


def explain_events(provider: Provider, requests: list[dict]) -> list[list[dict]]:
    """Per request the events in it; none of a request that is not authentic or not about a mail of
    ours. `requests` as written by the reference's tests: request, settings."""
    return [_events(provider, each) for each in requests]


def _events(provider: Provider, recorded: dict) -> list[dict]:
    try:
        request = recorded["request"]
        body = bytes_of(request.get("body"))
        headers = {name.lower(): str(value) for name, value in request.get("headers", {}).items()}
    except (LookupError, TypeError, ValueError, AttributeError):  # no recorded post
        return []
    if not _is_accepted(provider, body, headers, recorded.get("settings") or {}):
        return []
    try:
        reports = provider.parse(body, headers)
        raw = [] if body[:1] not in b"[{" else reading.load_objects(body)
    except Unreadable:
        return []
    if len(raw) != len(reports):
        raw = [{}] * len(reports)
    return [_in_their_words(provider.name, *pair) for pair in zip(reports, raw, strict=True)]


def bytes_of(body: Any) -> bytes:
    """The raw bytes of a recorded body: a text, or an object with text or base64."""
    if isinstance(body, dict):
        packed = body.get("base64") or body.get("b64")
        return base64.b64decode(packed) if packed else bytes_of(body.get("text"))
    return str(body or "").encode("utf-8", "surrogatepass")


def _is_accepted(
    provider: Provider, body: bytes, headers: Mapping[str, str], settings: Mapping
) -> bool:
    passwords = settings.get("WEBHOOK_SECRET") or []
    passwords = [passwords] if isinstance(passwords, str) else passwords
    if passwords and not proving.knows_password(headers, passwords):
        return False
    if provider.name == "amazon_ses":  # no certificate is at hand: only whether head and body agree
        return _agrees(body, headers)
    words = ("SIGNING_KEY", "SIGNING_SECRET", "VERIFICATION_KEY", "WEBHOOK_KEY")
    key = next((settings[name] for name in settings if name.endswith(words)), None)
    stated = reading.moment(headers.get("svix-timestamp")) or clock.now()
    return not key or any(
        provider.is_authentic(body, each, Keys(key), stated)
        for each in (headers, _unwrapped(headers))
    )


def _unwrapped(headers: Mapping[str, str]) -> dict[str, str]:
    """Signatures that were bytes when they were recorded stand in base64 once more."""
    found = {}
    for name, value in headers.items():
        inside = proving.unbase64(value) if name.endswith("-signature") else None
        found[name] = inside.decode() if inside and inside.isascii() else value
    return found


def _agrees(body: bytes, headers: Mapping[str, str]) -> bool:
    try:
        message = reading.load_object(body)
    except Unreadable:
        return False
    pairs = (("x-amz-sns-message-type", "Type"), ("x-amz-sns-message-id", "MessageId"))
    return all(headers.get(name) in (None, message.get(field)) for name, field in pairs)


def _in_their_words(name: str, report: Report, raw: dict) -> dict:
    at = report.happened_at
    found = {
        "event_type": _OTHER_TYPES.get((name, report.native, report.kind), _TYPES[report.kind]),
        "recipient": report.address,
        "timestamp": at.isoformat() if at else None,
        "event_id": report.provider_event_id,
        "message_id": report.provider_message_id,
        "reject_reason": _REASONS.get(name, lambda report, raw: None)(report, raw),
        "description": report.description,
        "mta_response": report.reply or None,
        "click_url": report.details.get("url"),
    }
    return found | _OTHER_FIELDS.get(name, lambda report, raw: {})(report, raw)


# ---- reject reasons


def _sendgrid_reason(report: Report, raw: dict) -> str | None:
    """Of what it dropped itself only."""
    if report.native != "dropped":
        return None
    return _SENDGRID_REASONS.get((report.details.get("reason") or report.reply).lower(), "other")


def _mailgun_reason(report: Report, raw: dict) -> str | None:
    if "event-data" not in raw:
        return _mailgun_code_reason(report.details.get("code", ""))
    if "reason" in reading.inner(raw, "event-data"):
        return _MAILGUN_REASONS.get(report.details.get("reason", ""), "other")
    return "other" if report.native == "rejected" else None


def _mailgun_code_reason(code: str) -> str | None:
    if not code:
        return None
    if code in _MAILGUN_CODES:
        return _MAILGUN_CODES[code]
    first, _, rest = code.partition(".")
    is_smtp = first in ("4", "5") if rest else code[0] in "45" and len(code) == 3
    return "bounced" if is_smtp else "other"


def _resend_reason(report: Report, raw: dict) -> str | None:
    if report.native == "email.suppressed":
        return "blocked"
    if report.native != "email.bounced" or report.description is None:
        return None
    if "suppressed sending" in report.description:
        return "blocked"
    return "bounced" if "bounce message" in report.description else "other"


def _mailjet_reason(report: Report, raw: dict) -> str | None:
    if "error" not in raw:
        return None
    return _MAILJET_REASONS.get(report.details.get("reason", ""), "other")


def _sparkpost_reason(report: Report, raw: dict) -> str | None:
    number = report.details.get("reason")
    return _SPARKPOST_REASONS.get(number, "other") if number else None


_Reason = Callable[[Report, dict], str | None]
_REASONS: dict[str, _Reason] = {
    "sendgrid": _sendgrid_reason,
    "mailgun": _mailgun_reason,
    "postmark": lambda report, raw: _POSTMARK_REASONS.get(report.native.partition("/")[2]),
    "amazon_ses": lambda report, raw: _SES_REASONS.get(report.native),
    "brevo": lambda report, raw: _BREVO_REASONS.get(report.native),
    "resend": _resend_reason,
    "sparkpost": _sparkpost_reason,
    "mailjet": _mailjet_reason,
    "postal": lambda report, raw: "bounced" if report.native == "MessageBounced" else None,
}


# ---- fields that mean another thing over there; an empty answer is one there, too


def _sendgrid_fields(report: Report, raw: dict) -> dict:
    """Tied by an argument of theirs, else by smtp-id; a drop has no mail server's answer."""
    own = reading.text(raw.get("anymail_id")) or report.details.get("message_id")
    said = None if report.native == "dropped" else raw.get("response", raw.get("reason"))
    return {"message_id": own, "mta_response": reading.optional(said)}


def _mailgun_fields(report: Report, raw: dict) -> dict:
    given = report.provider_message_id
    bracketed = given if not given or given.startswith("<") else f"<{given}>"
    if "event-data" not in raw:
        return {"message_id": bracketed}
    said = reading.inner(raw, "event-data", "delivery-status").get("message")
    return {"message_id": bracketed, "mta_response": reading.optional(said)}


def _ses_fields(report: Report, raw: dict) -> dict:
    """Their time is when it was notified, ours when it happened."""
    at = reading.moment(report.details.get("notified_at"))
    found = {"timestamp": at.isoformat() if at else None}
    if report.native == "Complaint":
        return found | {"mta_response": None}
    if report.kind is ReportKind.UNKNOWN:
        return found | {"description": f"Unknown SES eventType '{report.native}'"}
    return found


def _postal_fields(report: Report, raw: dict) -> dict:
    """Their ids are numbers, their times whole seconds."""
    at, given = report.happened_at, report.provider_message_id
    return {
        "timestamp": at.replace(microsecond=0).isoformat() if at else None,
        "message_id": int(given) if given and given.isdecimal() else given,
        "mta_response": reading.optional(reading.inner(raw, "payload").get("output")),
    }


def _said(field: str) -> Callable[[Report, dict], dict]:
    return lambda report, raw: {"mta_response": reading.optional(raw.get(field))}


_OTHER_FIELDS: dict[str, Callable[[Report, dict], dict]] = {
    "sendgrid": _sendgrid_fields,
    "mailgun": _mailgun_fields,
    "postmark": _said("Details"),
    "amazon_ses": _ses_fields,
    "brevo": _said("reason"),
    "mailjet": lambda report, raw: _said("smtp_reply")(report, raw) | {"description": None},
    "postal": _postal_fields,
}
