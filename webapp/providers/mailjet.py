"""Mailjet: https://dev.mailjet.com/email/guides/webhooks/

Nothing is signed: user and password stand in the address. An event "sent" means that the
recipient's server has accepted it. An array of events, or one bare, as the account is set; repeated
every 30 s for 24 hours.
"""

from collections.abc import Mapping
from datetime import datetime

from webapp.mail.causes import Cause
from webapp.mail.reports import Report, ReportKind
from webapp.providers import proving, reading
from webapp.providers.contract import Keys, Provider

_KINDS: dict[str, ReportKind] = {
    "sent": ReportKind.DELIVERED,
    "bounce": ReportKind.BOUNCED,
    "blocked": ReportKind.DROPPED,
    "spam": ReportKind.COMPLAINED,
    "unsub": ReportKind.UNSUBSCRIBED,
    "open": ReportKind.OPENED,
    "click": ReportKind.CLICKED,
}
_CAUSES: dict[str, Cause] = {
    # of the recipient
    "user unknown": Cause.MAILBOX_MISSING,
    "mailbox inactive": Cause.MAILBOX_MISSING,
    "quota exceeded": Cause.MAILBOX_FULL,
    "blacklisted": Cause.SUPPRESSED,
    "spam reporter": Cause.COMPLAINED,
    # of the domain
    "invalid domain": Cause.DOMAIN_MISSING,
    "no mail host": Cause.DOMAIN_MISSING,
    "relay/access denied": Cause.BLOCKED_REPUTATION,
    "greylisted": Cause.GREYLISTED,
    "typofix": Cause.INVALID_ADDRESS,
    # of the text
    "bad or empty template": Cause.OUR_SERVER,
    "error in template language": Cause.OUR_SERVER,
    # of spam
    "sender blocked": Cause.BLOCKED_REPUTATION,
    "content blocked": Cause.BLOCKED_CONTENT,
    "policy issue": Cause.BLOCKED_REPUTATION,
    # of the system and of Mailjet
    "system issue": Cause.UNREACHABLE,
    "protocol issue": Cause.UNREACHABLE,
    "connection issue": Cause.UNREACHABLE,
    "preblocked": Cause.SUPPRESSED,
    "duplicate in campaign": Cause.DUPLICATE,
}
_FAILED = (ReportKind.BOUNCED, ReportKind.BOUNCED_SOFT, ReportKind.DEFERRED, ReportKind.DROPPED)


def tracking_headers(token: str) -> dict[str, str]:
    """It comes back as CustomID."""
    return {"X-MJ-CustomID": token}


def is_authentic(body: bytes, headers: Mapping[str, str], keys: Keys, now: datetime) -> bool:
    return proving.knows_password(headers, keys)


def parse(body: bytes, headers: Mapping[str, str]) -> list[Report]:
    return [_report(event) for event in reading.load_objects(body)]


def _report(event: dict) -> Report:
    native = reading.text(event.get("event"), 60)
    error = reading.text(event.get("error"), 100)
    kind = _kind(native, error, event.get("hard_bounce"))
    reply = reading.lines(event.get("smtp_reply"))
    comment = reading.lines(event.get("comment"))
    cause = None
    if kind in _FAILED:
        cause = _CAUSES.get(error) or reading.cause_of(reply or comment)
    return Report(
        kind=kind,
        token=reading.token(event.get("CustomID")),
        address=reading.text(event.get("email"), 320) or None,
        happened_at=reading.moment(event.get("time")),
        provider_message_id=reading.text(event.get("MessageID"), 255) or None,
        cause=cause,
        reply=reply,
        description=comment or error or None,
        native=native,
        details=reading.details(event, {"url": "url", "agent": "user_agent", "error": "reason"}),
    )


def _kind(native: str, error: str, is_hard: object) -> ReportKind:
    kind = _KINDS.get(native, ReportKind.UNKNOWN)
    if error == "greylisted" and not is_hard:  # it tries again by itself
        return ReportKind.DEFERRED
    return ReportKind.BOUNCED_SOFT if native == "bounce" and not is_hard else kind


PROVIDER = Provider(
    name="mailjet",
    title="Mailjet",
    docs="https://dev.mailjet.com/email/guides/webhooks/",
    host="in-v3.mailjet.com",
    other_ports=(2525, 465),
    username_hint="The API key.",
    password_hint="The secret key.",
    key_label="Password of the webhook",
    is_key_ours=True,
    is_key_in_hook=True,
    setup=(
        "Make a password below. It is shown once, so have the other page open.",
        "In Mailjet open Account settings → Event notifications (webhooks).",
        "Paste the hook address that is shown with the password, which has both in it.",
        "Use it for every kind of event, and tick Group events.",
    ),
    tracking_headers=tracking_headers,
    is_authentic=is_authentic,
    dedupe_key=lambda body, headers: reading.digest(body),
    parse=parse,
)
