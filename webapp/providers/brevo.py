"""Brevo, once Sendinblue: https://developers.brevo.com/docs/transactional-webhooks

Nothing is signed, no event has an id, and whatever is answered but 2xx and 429 drops the event at
once: so all that is authentic is stored and thanked for, and trouble of ours is 429, after which
it comes again in 10 minutes, 1, 2 and 8 hours.
"""

import json
from collections.abc import Mapping
from datetime import datetime

from webapp.mail.causes import Cause
from webapp.mail.reports import Report, ReportKind
from webapp.providers import proving, reading
from webapp.providers.contract import Keys, Provider, Unreadable

_KINDS: dict[str, tuple[ReportKind, Cause | None]] = {
    "request": (ReportKind.PROCESSED, None),  # also of mails that are blocked afterwards
    "sent": (ReportKind.PROCESSED, None),
    "delivered": (ReportKind.DELIVERED, None),
    "deferred": (ReportKind.DEFERRED, None),
    "soft_bounce": (ReportKind.BOUNCED_SOFT, None),
    "hard_bounce": (ReportKind.BOUNCED, None),
    "blocked": (ReportKind.DROPPED, Cause.SUPPRESSED),
    "invalid_email": (ReportKind.DROPPED, Cause.INVALID_ADDRESS),
    "error": (ReportKind.DROPPED, Cause.OUR_SERVER),
    "spam": (ReportKind.COMPLAINED, None),
    "complaint": (ReportKind.COMPLAINED, None),
    "opened": (ReportKind.OPENED, None),
    "unique_opened": (ReportKind.OPENED, None),
    "proxy_open": (ReportKind.OPENED, None),
    "unique_proxy_open": (ReportKind.OPENED, None),
    "click": (ReportKind.CLICKED, None),
    "unsubscribe": (ReportKind.UNSUBSCRIBED, None),
    "unsubscribed": (ReportKind.UNSUBSCRIBED, None),
    "list_addition": (ReportKind.SUBSCRIBED, None),
}
_FAILED = (ReportKind.BOUNCED, ReportKind.BOUNCED_SOFT, ReportKind.DEFERRED)


def tracking_headers(token: str) -> dict[str, str]:
    """It comes back word for word."""
    return {"X-Mailin-custom": json.dumps({"copy": token})}


def is_authentic(body: bytes, headers: Mapping[str, str], keys: Keys, now: datetime) -> bool:
    return proving.knows_password(headers, keys)


def parse(body: bytes, headers: Mapping[str, str]) -> list[Report]:
    # "items" are mails to us, not about one of ours
    return [_report(event) for event in reading.load_objects(body) if "items" not in event]


def _report(event: dict) -> Report:
    # some accounts name the events as the older API does: hardBounce, uniqueOpened
    native = reading.text(event.get("event"), 60)
    kind, cause = _KINDS.get(native, (ReportKind.UNKNOWN, None))
    reply = reading.lines(event.get("reason"))
    if kind in _FAILED:
        cause = reading.cause_of(reply, is_for_now=kind is ReportKind.DEFERRED)
    machine = {"machine": "true"} if "proxy" in native else {}
    return Report(
        kind=kind,
        token=_token(event),
        address=reading.text(event.get("email"), 320) or None,
        # "date", "ts" and "ts_event" are in the time zone of the account, whatever that is
        happened_at=reading.moment(event.get("ts_epoch")),
        provider_message_id=reading.text(event.get("message-id"), 255) or None,
        cause=cause,
        reply=reply,
        native=native,
        details=reading.details(event, {"link": "url", "user_agent": "user_agent"}) | machine,
    )


def _token(event: dict) -> str | None:
    custom = event.get("X-Mailin-custom")
    try:
        inside = reading.inner(reading.load_json(custom)) if isinstance(custom, str) else {}
    except Unreadable:
        inside = {}
    return reading.token(inside.get("copy"), event.get("message-id"))


PROVIDER = Provider(
    name="brevo",
    title="Brevo",
    docs="https://developers.brevo.com/docs/transactional-webhooks",
    host="smtp-relay.brevo.com",
    other_ports=(2525, 465),
    username_hint="The SMTP login shown under SMTP & API.",
    password_hint="An SMTP key, not the API key.",
    key_label="Password of the webhook",
    is_key_ours=True,
    setup=(
        "Make a password below. It is shown once, so have the other page open.",
        "In Brevo open Transactional → Settings → Webhook and add one.",
        "Paste the hook address, choose authentication by user and password, and paste both.",
        "Choose every kind of event and save.",
    ),
    try_later=429,
    stops=tuple(code for code in range(400, 600) if code != 429),
    tracking_headers=tracking_headers,
    message_id_in=reading.queued_as,
    is_authentic=is_authentic,
    dedupe_key=lambda body, headers: reading.digest(body),
    parse=parse,
)
