"""Postal: https://docs.postalserver.io/developer/webhooks

A mail server that people run themselves. Signed with the server's RSA key: SHA-1, and SHA-256
beside it in newer versions. Five tries in about 36 minutes, with the same uuid. "MessageSent" means
that the recipient's server has accepted it.
"""

from collections.abc import Mapping
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from webapp.mail.causes import Cause
from webapp.mail.reports import Report, ReportKind
from webapp.providers import proving, reading
from webapp.providers.contract import Keys, Provider

SIGNATURE_256 = "x-postal-signature-256"
SIGNATURE = "x-postal-signature"

_KINDS: dict[str, ReportKind] = {
    "MessageSent": ReportKind.DELIVERED,
    "MessageDelayed": ReportKind.DEFERRED,
    "MessageDeliveryFailed": ReportKind.BOUNCED,
    "MessageHeld": ReportKind.DEFERRED,
    "MessageBounced": ReportKind.BOUNCED_SOFT,
    "MessageLinkClicked": ReportKind.CLICKED,
    "MessageLoaded": ReportKind.OPENED,
}
# payload.status, for posts without a name
_STATUSES: dict[str, str] = {
    "Sent": "MessageSent",
    "SoftFail": "MessageDelayed",
    "HardFail": "MessageDeliveryFailed",
    "Held": "MessageHeld",
}
_NOT_OF_A_MAIL = ("DomainDNSError", "SendLimit")


def tracking_headers(token: str) -> dict[str, str]:
    """It comes back as the message's tag."""
    return {"X-Postal-Tag": token}


def is_authentic(body: bytes, headers: Mapping[str, str], keys: Keys, now: datetime) -> bool:
    newer = SIGNATURE_256 in headers
    signature = proving.unbase64(headers.get(SIGNATURE_256 if newer else SIGNATURE)) or b""
    algorithm = hashes.SHA256() if newer else hashes.SHA1()
    return any([_verifies(key, signature, body, algorithm) for key in keys])


def _verifies(key: str, signature: bytes, body: bytes, algorithm: hashes.HashAlgorithm) -> bool:
    public = proving.public_key(key)
    if not isinstance(public, rsa.RSAPublicKey):
        return False
    try:
        public.verify(signature, body, padding.PKCS1v15(), algorithm)
    except (InvalidSignature, ValueError):
        return False
    return True


def dedupe_key(body: bytes, headers: Mapping[str, str]) -> str:
    try:
        return reading.delivery_key(reading.load_object(body).get("uuid"), body)
    except ValueError:
        return reading.digest(body)


def parse(body: bytes, headers: Mapping[str, str]) -> list[Report]:
    post = reading.load_object(body)
    payload = reading.inner(post, "payload")
    native = _native(post, payload)
    message = reading.inner(payload, "message") or reading.inner(payload, "original_message")
    if message.get("direction") == "incoming" or "rcpt_to" in post:
        return []  # a mail to the server's people, not one of ours
    if native.startswith(_NOT_OF_A_MAIL):
        return []
    kind, cause = _kind(native, payload)
    return [
        Report(
            kind=kind,
            token=reading.token(message.get("tag"), message.get("message_id")),
            address=reading.address(message.get("to")),
            happened_at=reading.moment(post.get("timestamp")),
            provider_message_id=reading.text(message.get("id"), 255) or None,
            provider_event_id=reading.text(post.get("uuid"), 255) or None,
            cause=cause,
            reply=reading.lines(payload.get("output")),
            description=reading.optional(payload.get("details")),
            native=native,
            details=reading.details(payload, {"url": "url", "user_agent": "user_agent"}),
        )
    ]


def _native(post: dict, payload: dict) -> str:
    named = reading.text(post.get("event"), 60)
    if named:
        return named
    if "bounce" in payload:
        return "MessageBounced"
    return _STATUSES.get(reading.text(payload.get("status"), 20), "")


def _kind(native: str, payload: dict) -> tuple[ReportKind, Cause | None]:
    kind = _KINDS.get(native, ReportKind.UNKNOWN)
    words = f"{reading.text(payload.get('output'))} {reading.text(payload.get('details'))}"
    if native == "MessageHeld" and "suppression" in words.lower():
        return ReportKind.DROPPED, Cause.SUPPRESSED
    if native == "MessageHeld":  # until somebody releases it over there
        return kind, Cause.OUR_SERVER
    if native == "MessageBounced":  # any mail to the return path, an absence note too; not its text
        return kind, Cause.UNKNOWN
    if kind in (ReportKind.BOUNCED, ReportKind.DEFERRED):
        return kind, reading.cause_of(words.strip(), is_for_now=kind is ReportKind.DEFERRED)
    return kind, None


PROVIDER = Provider(
    name="postal",
    title="Postal",
    docs="https://docs.postalserver.io/developer/webhooks",
    port=25,
    other_ports=(587, 2525),
    host_hint="The name of your Postal server.",
    username_hint="Organization and server, like acme/main.",
    password_hint="The key of an SMTP credential of that server.",
    key_label="Public key of the server",
    key_hint="The text of `postal default-dkim-record`, or only what stands after p=.",
    setup=(
        "In Postal open your mail server → Webhooks → Add webhook.",
        "Paste the hook address and let it be called for all events.",
        "On the server run postal default-dkim-record, and paste what it says here.",
    ),
    tracking_headers=tracking_headers,
    is_authentic=is_authentic,
    dedupe_key=dedupe_key,
    parse=parse,
)
