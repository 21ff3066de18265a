"""SparkPost (Bird): https://developers.sparkpost.com/api/webhooks/

Nothing is signed: Basic or Bearer, or a token in a header of its own. An array of
{"msys": {class: {…}}}, an empty one to see whether anybody is here. Every batch has an id, kept
over its repeats for 8 hours.
"""

import json
from collections.abc import Mapping
from datetime import datetime

from webapp.mail.causes import Cause
from webapp.mail.reports import Report, ReportKind
from webapp.providers import proving, reading
from webapp.providers.contract import Keys, Provider

TOKEN_HEADER = "x-messagesystems-webhook-token"
BATCH = "x-messagesystems-batch-id"

_KINDS: dict[str, ReportKind] = {
    "injection": ReportKind.PROCESSED,
    "delivery": ReportKind.DELIVERED,
    "delay": ReportKind.DEFERRED,
    "bounce": ReportKind.BOUNCED,
    "out_of_band": ReportKind.BOUNCED,
    "policy_rejection": ReportKind.DROPPED,
    "generation_failure": ReportKind.DROPPED,
    "generation_rejection": ReportKind.DROPPED,
    "spam_complaint": ReportKind.COMPLAINED,
    "list_unsubscribe": ReportKind.UNSUBSCRIBED,
    "link_unsubscribe": ReportKind.UNSUBSCRIBED,
    "open": ReportKind.OPENED,
    "amp_open": ReportKind.OPENED,
    "click": ReportKind.CLICKED,
    "amp_click": ReportKind.CLICKED,
    # initial_open and amp_initial_open come beside an open, and would count it twice
}
# bounce_class: https://support.sparkpost.com/docs/deliverability/bounce-classification-codes
# The kind of a bounce of that class (None: as the event says) and a cause (None: in its words).
_CLASSES: dict[str, tuple[ReportKind | None, Cause | None]] = {
    "1": (ReportKind.BOUNCED_SOFT, None),
    "10": (ReportKind.BOUNCED, Cause.MAILBOX_MISSING),
    "20": (ReportKind.BOUNCED_SOFT, None),
    "21": (ReportKind.BOUNCED_SOFT, Cause.UNREACHABLE),
    "22": (ReportKind.BOUNCED_SOFT, Cause.MAILBOX_FULL),
    "23": (ReportKind.BOUNCED_SOFT, Cause.TOO_LARGE),
    "24": (ReportKind.BOUNCED_SOFT, Cause.GAVE_UP),
    "25": (ReportKind.DROPPED, Cause.OUR_SERVER),
    "26": (ReportKind.DROPPED, Cause.SUPPRESSED),
    "30": (ReportKind.BOUNCED, None),
    "40": (ReportKind.BOUNCED_SOFT, None),
    "50": (ReportKind.BOUNCED_SOFT, Cause.BLOCKED_REPUTATION),
    "51": (ReportKind.BOUNCED_SOFT, Cause.BLOCKED_CONTENT),
    "52": (ReportKind.BOUNCED_SOFT, Cause.BLOCKED_CONTENT),
    "53": (ReportKind.BOUNCED_SOFT, Cause.BLOCKED_CONTENT),
    "54": (ReportKind.BOUNCED_SOFT, Cause.BLOCKED_REPUTATION),
    "60": (ReportKind.AUTOREPLIED, None),
    "70": (ReportKind.BOUNCED_SOFT, None),
    "80": (ReportKind.SUBSCRIBED, None),
    "90": (ReportKind.UNSUBSCRIBED, None),
    "100": (ReportKind.AUTOREPLIED, None),
}
_BOUNCES = ("bounce", "out_of_band")
_FAILED = (ReportKind.BOUNCED, ReportKind.BOUNCED_SOFT, ReportKind.DEFERRED)


def tracking_headers(token: str) -> dict[str, str]:
    """Metadata comes back as rcpt_meta."""
    return {"X-MSYS-API": json.dumps({"metadata": {"copy": token}})}


def is_authentic(body: bytes, headers: Mapping[str, str], keys: Keys, now: datetime) -> bool:
    return proving.knows_password(headers, keys, token_header=TOKEN_HEADER)


def dedupe_key(body: bytes, headers: Mapping[str, str]) -> str:
    return reading.delivery_key(headers.get(BATCH), body)


def parse(body: bytes, headers: Mapping[str, str]) -> list[Report]:
    return [
        _report(event)
        for each in reading.load_objects(body)
        for name, event in reading.inner(each, "msys").items()
        if isinstance(event, dict) and name != "relay_message"  # a mail to us
    ]


def _report(event: dict) -> Report:
    native = reading.text(event.get("type"), 60)
    number = reading.text(event.get("bounce_class"), 10)
    reply = reading.lines(event.get("raw_reason") or event.get("reason"))
    kind, cause = _kind(native, number, reply)
    return Report(
        kind=kind,
        token=reading.token(reading.inner(event, "rcpt_meta").get("copy")),
        # "rcpt_to" is in lower case
        address=reading.text(event.get("raw_rcpt_to") or event.get("rcpt_to"), 320) or None,
        happened_at=reading.moment(event.get("timestamp")),
        provider_message_id=reading.text(event.get("transmission_id"), 255) or None,
        provider_event_id=reading.text(event.get("event_id"), 255) or None,
        cause=cause,
        reply=reply,
        native=native,
        details=reading.details(
            event,
            {
                "target_link_url": "url",
                "user_agent": "user_agent",
                "num_retries": "attempt",
                "bounce_class": "reason",
            },
        ),
    )


def _kind(native: str, number: str, reply: str) -> tuple[ReportKind, Cause | None]:
    kind = _KINDS.get(native, ReportKind.UNKNOWN)
    of_class, cause = _CLASSES.get(number, (None, None))
    if native in _BOUNCES and of_class:
        kind = of_class
    if kind is ReportKind.DROPPED and native not in _BOUNCES:
        # "recipient address suppressed due to customer policy"
        return kind, Cause.SUPPRESSED if "suppress" in reply.lower() else Cause.OUR_SERVER
    if kind in _FAILED:
        cause = cause or reading.cause_of(reply, is_for_now=kind is ReportKind.DEFERRED)
    return kind, cause


PROVIDER = Provider(
    name="sparkpost",
    title="SparkPost",
    docs="https://developers.sparkpost.com/api/webhooks/",
    host="smtp.sparkpostmail.com",
    other_ports=(2525,),
    host_hint="smtp.eu.sparkpostmail.com for an account in the EU.",
    username="SMTP_Injection",
    username_hint="The word SMTP_Injection, for every account.",
    password_hint="An API key with the right “Send via SMTP”.",
    key_label="Password of the webhook",
    is_key_ours=True,
    setup=(
        "Make a password below. It is shown once, so have the other page open.",
        "In SparkPost open Configuration → Webhooks → Create webhook.",
        "Paste the hook address as target, choose Basic Auth, and paste user and password.",
        "Choose all events of messages, engagement, generation and unsubscribes.",
    ),
    tracking_headers=tracking_headers,
    is_authentic=is_authentic,
    dedupe_key=dedupe_key,
    parse=parse,
)
