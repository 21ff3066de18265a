"""Mailgun: https://documentation.mailgun.com/docs/mailgun/user-manual/events/events

An HMAC-SHA256 over timestamp and token only: the body is NOT signed, so a token is good for one
post, ever; the token is the delivery's key, and a second post with it is a repeat, whatever it
says. Repeated for 8 hours until 200; 406 would end that. Older accounts post forms in place of
JSON ("legacy webhooks"), with the event's fields and our own variables side by side.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from email import policy
from email.parser import BytesParser
from urllib.parse import parse_qsl

from webapp.mail.causes import Cause
from webapp.mail.reports import Report, ReportKind
from webapp.providers import proving, reading
from webapp.providers.contract import Keys, Provider, Unreadable

_KINDS: dict[str, ReportKind] = {
    "accepted": ReportKind.PROCESSED,
    "delivered": ReportKind.DELIVERED,
    "failed": ReportKind.BOUNCED,
    "rejected": ReportKind.DROPPED,
    "opened": ReportKind.OPENED,
    "clicked": ReportKind.CLICKED,
    "unsubscribed": ReportKind.UNSUBSCRIBED,
    "complained": ReportKind.COMPLAINED,
    # of legacy webhooks only
    "bounced": ReportKind.BOUNCED,
    "dropped": ReportKind.DROPPED,
}
# the reasons that are not said in a mail server's words
_CAUSES: dict[str, Cause] = {
    "suppress-bounce": Cause.SUPPRESSED,
    "suppress-complaint": Cause.COMPLAINED,
    "suppress-unsubscribe": Cause.UNSUBSCRIBED,
    "greylisted": Cause.GREYLISTED,
    "old": Cause.GAVE_UP,
    "espblock": Cause.BLOCKED_REPUTATION,
    # codes of legacy webhooks
    "605": Cause.SUPPRESSED,
    "606": Cause.UNSUBSCRIBED,
    "607": Cause.COMPLAINED,
}
_FAILED = (ReportKind.BOUNCED, ReportKind.BOUNCED_SOFT, ReportKind.DEFERRED)


def tracking_headers(token: str) -> dict[str, str]:
    """They come back as user-variables."""
    return {"X-Mailgun-Variables": json.dumps({"copy": token})}


def is_authentic(body: bytes, headers: Mapping[str, str], keys: Keys, now: datetime) -> bool:
    """No window of time: a repeat keeps its timestamp for hours; tokens are remembered instead."""
    signature = _signature(body)
    given = proving.encoded(signature.get("signature"))
    signed = proving.encoded(signature.get("timestamp")) + proving.encoded(signature.get("token"))
    if not signed:
        return False
    return any(
        [
            proving.is_same(
                given, hmac.new(key.encode(), signed, hashlib.sha256).hexdigest().encode()
            )
            for key in keys
        ]
    )


def dedupe_key(body: bytes, headers: Mapping[str, str]) -> str:
    return reading.delivery_key(_signature(body).get("token"), body)


def parse(body: bytes, headers: Mapping[str, str]) -> list[Report]:
    if not _is_json(body):
        return [_legacy_report(_form(body))]
    post = reading.load_object(body)
    if not isinstance(post.get("event-data"), dict):
        raise Unreadable("no event-data")
    return [_report(post["event-data"], reading.inner(post, "signature"))]


def _report(event: dict, signature: dict) -> Report:
    native = reading.text(event.get("event"), 60)
    status = reading.inner(event, "delivery-status")
    reason = reading.text(event.get("reason"), 60)
    description = reading.optional(status.get("description"))
    message_id = reading.text(reading.inner(event, "message", "headers").get("message-id"), 255)
    to = reading.inner(event, "message", "headers").get("to")
    if native == "rejected" and not description:
        description = reading.optional(reading.inner(event, "reject").get("reason"))
    kind = _kind(native, event, reason)
    reply = reading.lines(status.get("message"))
    return Report(
        kind=kind,
        token=reading.token(reading.inner(event, "user-variables").get("copy"), message_id),
        address=reading.text(event.get("recipient"), 320) or reading.address(to),
        happened_at=reading.moment(event.get("timestamp")),
        provider_message_id=message_id or None,
        # "id" is unique within a day only
        provider_event_id=reading.text(signature.get("token"), 255) or None,
        cause=_cause(kind, reason, reply, reading.text(status.get("code"), 10)),
        reply=reply,
        description=description,
        native=native,
        details=reading.details(event, {"url": "url", "reason": "reason"})
        | reading.details(reading.inner(event, "client-info"), {"user-agent": "user_agent"})
        | reading.details(reading.inner(event, "client-info"), {"bot": "machine"})
        | reading.details(status, {"attempt-no": "attempt"}),
    )


def _kind(native: str, event: dict, reason: str) -> ReportKind:
    kind = _KINDS.get(native, ReportKind.UNKNOWN)
    if event.get("severity") == "temporary" and kind in (ReportKind.BOUNCED, ReportKind.UNKNOWN):
        return ReportKind.DEFERRED
    if kind is not ReportKind.BOUNCED:
        return kind
    if reason.startswith("suppress-"):  # never tried
        return ReportKind.DROPPED
    # "old": the time to try is over; "espblock": it speaks of us, not of the mailbox
    return ReportKind.BOUNCED_SOFT if reason in ("old", "espblock") else kind


def _cause(kind: ReportKind, reason: str, reply: str, code: str) -> Cause | None:
    if kind is ReportKind.DROPPED:
        return _CAUSES.get(reason, Cause.OUR_SERVER)
    if kind not in _FAILED:
        return None
    said = reply if code in reply else f"{code} {reply}"
    return _CAUSES.get(reason) or reading.cause_of(said, is_for_now=kind is ReportKind.DEFERRED)


# ---- legacy webhooks


def _legacy_report(form: dict[str, list[str]]) -> Report:
    """Our variables are merged among the fields: those of the event come first, but for the
    signature's, which come last."""
    first = {name: values[0] for name, values in form.items()}
    native = reading.text(first.get("event"), 60)
    kind = _KINDS.get(native, ReportKind.UNKNOWN)
    message_id = first.get("Message-Id") or first.get("message-id")
    reply = reading.lines(first.get("error") or first.get("notification"))
    code = reading.text(first.get("code"), 10)
    reason = code if code in _CAUSES else reading.text(first.get("reason"), 60)
    if kind is ReportKind.DROPPED and reason == "old":  # tried, and the time for it is over
        kind = ReportKind.BOUNCED_SOFT
    return Report(
        kind=kind,
        token=reading.token(_legacy_variable(form), message_id),
        address=reading.text(first.get("recipient"), 320) or None,
        happened_at=reading.moment(form.get("timestamp", [None])[-1]),
        provider_message_id=reading.text(message_id, 255) or None,
        provider_event_id=reading.text(form.get("token", [""])[-1], 255) or None,
        cause=_cause(kind, reason, reply, code),
        reply=reply,
        description=reading.optional(first.get("description")),
        native=native,
        details=reading.details(
            first, {"url": "url", "user-agent": "user_agent", "code": "code", "reason": "reason"}
        ),
    )


def _legacy_variable(form: dict[str, list[str]]) -> str:
    if "copy" in form:
        return form["copy"][-1]
    try:
        listing = reading.load_json(form.get("message-headers", ["[]"])[0])
        return reading.text(
            reading.inner(
                reading.load_json(reading.header_of(listing, "x-mailgun-variables") or "{}")
            ).get("copy")
        )
    except Unreadable:
        return ""


def _signature(body: bytes) -> dict:
    try:
        if _is_json(body):
            return reading.inner(reading.load_json(body), "signature")
        return {name: values[-1] for name, values in _form(body).items()}
    except Unreadable:
        return {}


def _is_json(body: bytes) -> bool:
    """By the bytes, not by a header: relays in between rewrite the type."""
    return body.lstrip()[:1] in (b"{", b"[")


def _form(body: bytes) -> dict[str, list[str]]:
    """{name: values} of a multipart (RFC 7578) or urlencoded form."""
    found: dict[str, list[str]] = {}
    try:
        for name, value in _multipart(body) if body.startswith(b"--") else _urlencoded(body):
            found.setdefault(name, []).append(value)
    except (ValueError, LookupError, RecursionError) as error:
        raise Unreadable(f"not a form: {type(error).__name__}") from None
    if "event" not in found:
        raise Unreadable("neither JSON nor a form of an event")
    return found


def _urlencoded(body: bytes) -> list[tuple[str, str]]:
    text = body.decode("utf-8", "replace")
    return parse_qsl(text, keep_blank_values=True, max_num_fields=500)


def _multipart(body: bytes) -> list[tuple[str, str]]:
    """The boundary is what the body begins with, whatever the header says."""
    boundary = body[2:].split(b"\r\n", 1)[0][:200].strip()
    head = b'Content-Type: multipart/form-data; boundary="' + boundary + b'"\r\n\r\n'
    message = BytesParser(policy=policy.HTTP).parsebytes(head + body)
    parts = []
    for part in message.iter_parts() if message.is_multipart() else []:
        name = part.get_param("name", header="content-disposition")
        payload = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(payload, bytes):
            parts.append((name, payload.decode("utf-8", "replace")))
    return parts


PROVIDER = Provider(
    name="mailgun",
    title="Mailgun",
    docs="https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/webhooks",
    host="smtp.mailgun.org",
    other_ports=(2525, 465),
    host_hint="smtp.eu.mailgun.org for a domain in the EU.",
    username_hint="postmaster@ your sending domain, or another SMTP user of it.",
    key_label="HTTP webhook signing key",
    setup=(
        "In Mailgun open Sending → Webhooks and choose your domain.",
        "Add the hook address for every kind of event.",
        "Copy the HTTP webhook signing key shown there, and paste it here.",
    ),
    stops=(200, 406),
    tracking_headers=tracking_headers,
    is_authentic=is_authentic,
    dedupe_key=dedupe_key,
    parse=parse,
)
