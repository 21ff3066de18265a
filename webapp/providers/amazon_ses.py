"""Amazon SES by way of SNS: https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html

SNS signs with a certificate that it names by address; anybody with an account there can sign, so
the topic decides: what we take is signed by SNS *and* of the topic that the Connection names. An
address in a post is never visited unless it is SNS's own. Three tries 20 s apart by default, then
the event is lost; any 4xx but 429 loses it at once. One notification may speak of several
recipients. "Event publishing" (eventType) and identity notifications (notificationType) look alike;
only the former returns our tag.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from webapp.mail.causes import Cause
from webapp.mail.reports import Report, ReportKind
from webapp.providers import proving, reading
from webapp.providers.contract import Keys, Provider, Unreadable

_HOST = re.compile(r"sns\.[a-zA-Z0-9-]{3,}\.amazonaws\.com(\.cn)?")
_CONFIRMATIONS = ("SubscriptionConfirmation", "UnsubscribeConfirmation")
# what is signed, in this order, each as "name\nvalue\n"; a Subject only where there is one
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    **dict.fromkeys(
        _CONFIRMATIONS,
        ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    ),
}
_HASHES: dict[str, hashes.HashAlgorithm] = {"1": hashes.SHA1(), "2": hashes.SHA256()}

_KINDS: dict[str, ReportKind] = {
    "Send": ReportKind.PROCESSED,
    "Delivery": ReportKind.DELIVERED,
    "DeliveryDelay": ReportKind.DEFERRED,
    "Bounce": ReportKind.BOUNCED,
    "Complaint": ReportKind.COMPLAINED,
    "Reject": ReportKind.DROPPED,
    "Rendering Failure": ReportKind.DROPPED,
    "Open": ReportKind.OPENED,
    "Click": ReportKind.CLICKED,
    "Subscription": ReportKind.SUBSCRIBED,
}
# where in an event stands what it says, and whom of several recipients it speaks of
_PARTS: dict[str, tuple[str, str]] = {
    "Bounce": ("bounce", "bouncedRecipients"),
    "Complaint": ("complaint", "complainedRecipients"),
    "Delivery": ("delivery", "recipients"),
    "DeliveryDelay": ("deliveryDelay", "delayedRecipients"),
    "Reject": ("reject", ""),
    "Rendering Failure": ("failure", ""),
    "Open": ("open", ""),
    "Click": ("click", ""),
    "Subscription": ("subscription", ""),
}
# bounceSubType and delayType, where they say more than the mail server's words
_SUB_CAUSES: dict[str, Cause] = {
    "NoEmail": Cause.MAILBOX_MISSING,
    "Suppressed": Cause.SUPPRESSED,
    "OnAccountSuppressionList": Cause.SUPPRESSED,
    "UnsubscribedRecipient": Cause.UNSUBSCRIBED,
    "MailboxFull": Cause.MAILBOX_FULL,
    "MessageTooLarge": Cause.TOO_LARGE,
    "ContentRejected": Cause.BLOCKED_CONTENT,
    "AttachmentRejected": Cause.BLOCKED_CONTENT,
    "SpamDetected": Cause.BLOCKED_CONTENT,
    "CustomTimeoutExceeded": Cause.GAVE_UP,
    "IPFailure": Cause.BLOCKED_REPUTATION,
    "TransientCommunicationFailure": Cause.UNREACHABLE,
    "RecipientServerError": Cause.UNREACHABLE,
}
_NEVER_TRIED = ("Suppressed", "OnAccountSuppressionList", "UnsubscribedRecipient")
# feedback types of RFC 5965 that are no complaint of a person
_NO_COMPLAINT = ("not-spam", "auth-failure")


def tracking_headers(token: str) -> dict[str, str]:
    """They come back as mail.tags where the sending identity has a configuration set."""
    return {"X-SES-MESSAGE-TAGS": f"copy={token}"}


def message_id_in(reply: str) -> str | None:
    found = re.search(r"\bOk (\S{20,255})$", reply.strip(), re.IGNORECASE)
    return found[1] if found else None


# ---- authenticity


def is_authentic(body: bytes, headers: Mapping[str, str], keys: Keys, now: datetime) -> bool:
    """`keys` are ARNs of topics. Raises CannotTell when the certificate is out of reach."""
    message = _message(body)
    topic = proving.encoded(message.get("TopicArn"))
    if not any([proving.is_same(topic, proving.encoded(key.strip())) for key in keys]):
        return False
    return is_signed(message, keys, now)


def is_signed(message: dict, keys: Keys, now: datetime) -> bool:
    """Whether SNS signed `message`, whatever its topic, with a certificate valid at `now`."""
    names = _SIGNED.get(reading.text(message.get("Type"), 40))
    algorithm = _HASHES.get(message.get("SignatureVersion", ""))
    url, signature = message.get("SigningCertURL"), proving.unbase64(message.get("Signature"))
    if not names or not algorithm or not signature or not is_certificate_url(url):
        return False
    signed = b""
    for name in names:
        value = message.get(name)
        if value is None and name == "Subject":
            continue
        if not isinstance(value, str):
            return False
        signed += name.encode() + b"\n" + proving.encoded(value) + b"\n"
    return _verifies(keys.certificate(str(url)), signature, signed, algorithm, now)


def _verifies(
    pem: bytes, signature: bytes, signed: bytes, algorithm: hashes.HashAlgorithm, now: datetime
) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        public = certificate.public_key()
        if not isinstance(public, rsa.RSAPublicKey):
            return False
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            return False
        public.verify(signature, signed, padding.PKCS1v15(), algorithm)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def is_certificate_url(url: object) -> bool:
    """Whether `url` is a certificate of SNS itself: its host, https, a .pem and nothing else."""
    parts = _own_address(url)
    return parts is not None and parts.path.endswith(".pem") and not parts.query


def confirmation_url(body: bytes) -> str | None:
    """The address that confirms a subscription, where it is SNS's own and does nothing else."""
    if b"SubscribeURL" not in body:
        return None
    message = _message(body)
    if message.get("Type") != "SubscriptionConfirmation":
        return None
    url = message.get("SubscribeURL")
    parts = _own_address(url)
    asked = parse_qs(parts.query) if parts else {}
    is_for_it = asked.get("Action") == ["ConfirmSubscription"]
    return str(url) if is_for_it and asked.get("TopicArn") == [message.get("TopicArn")] else ""


def _own_address(url: object):
    """The parts of an address of SNS: https, its host, no port, user or fragment. Else None."""
    if not isinstance(url, str) or len(url) > 2000 or not url.isascii() or not url.isprintable():
        return None
    try:
        parts = urlsplit(url)
        is_bare = parts.netloc == parts.hostname and not parts.fragment
    except ValueError:
        return None
    is_theirs = _HOST.fullmatch(parts.netloc) is not None
    return parts if parts.scheme == "https" and is_bare and is_theirs else None


def dedupe_key(body: bytes, headers: Mapping[str, str]) -> str:
    return reading.delivery_key(_message(body).get("MessageId"), body)


def _message(body: bytes) -> dict:
    try:
        return reading.load_object(body)
    except Unreadable:
        return {}


# ---- what it says


def parse(body: bytes, headers: Mapping[str, str]) -> list[Report]:
    message = reading.load_object(body)
    if message.get("Type") != "Notification":
        return []  # a (un)subscription of the topic: nothing about a mail
    inside = message.get("Message")
    if not isinstance(inside, str):
        raise Unreadable("a notification without a message")
    if inside.startswith("Successfully validated SNS topic"):
        return []
    return _reports(reading.load_object(inside), message)


def _reports(event: dict, message: dict) -> list[Report]:
    native = reading.text(event.get("eventType") or event.get("notificationType"), 60)
    if native == "Received":
        return []  # a mail to us, not about one of ours
    mail = reading.inner(event, "mail")
    part, recipients = _PARTS.get(native, ("", ""))
    about = reading.inner(event, part)
    return [
        _report(native, message, mail, about, recipient)
        for recipient in reading.listed(about.get(recipients))[:1000]
        or reading.listed(mail.get("destination"))[:1000]
    ]


def _report(native: str, message: dict, mail: dict, about: dict, recipient: object) -> Report:
    own = recipient if isinstance(recipient, dict) else {"emailAddress": recipient}
    reply = reading.lines(own.get("diagnosticCode") or about.get("smtpResponse"))
    reason = reading.text(about.get("bounceSubType") or about.get("delayType"), 60)
    kind, cause = _kind(native, about, reason, reply)
    return Report(
        kind=kind,
        token=_token(mail),
        address=reading.address(own.get("emailAddress")),
        happened_at=reading.moment(about.get("timestamp"))
        or reading.moment(message.get("Timestamp")),
        provider_message_id=reading.text(mail.get("messageId"), 255) or None,
        provider_event_id=reading.text(message.get("MessageId"), 255) or None,
        cause=cause,
        reply=reply,
        description=_description(native, about),
        native=native,
        details=reading.details(about, {"link": "url", "userAgent": "user_agent"})
        | reading.details(message, {"Timestamp": "notified_at"})
        | ({"reason": reason} if reason else {}),
    )


def _kind(native: str, about: dict, reason: str, reply: str) -> tuple[ReportKind, Cause | None]:
    kind = _KINDS.get(native, ReportKind.UNKNOWN)
    if native == "Bounce":
        if reason in _NEVER_TRIED:
            return ReportKind.DROPPED, _SUB_CAUSES[reason]
        if about.get("bounceType") != "Permanent":
            kind = ReportKind.BOUNCED_SOFT
    if native in ("Bounce", "DeliveryDelay"):
        said = reading.cause_of(reply, is_for_now=kind is not ReportKind.BOUNCED)
        return kind, _SUB_CAUSES.get(reason, said)
    if native == "Complaint":
        if about.get("complaintSubType") in _NEVER_TRIED:
            return ReportKind.DROPPED, Cause.COMPLAINED
        is_none = about.get("complaintFeedbackType") in _NO_COMPLAINT
        return (ReportKind.UNKNOWN if is_none else kind), None
    if native == "Reject":  # a virus in it
        return kind, Cause.BLOCKED_CONTENT
    if native == "Rendering Failure":
        return kind, Cause.OUR_SERVER
    if native == "Subscription" and reading.inner(about, "newTopicPreferences").get(
        "unsubscribeAll"
    ):
        return ReportKind.UNSUBSCRIBED, None
    return kind, None


def _description(native: str, about: dict) -> str | None:
    if native == "Bounce":
        return (
            f"{reading.text(about.get('bounceType'))}: {reading.text(about.get('bounceSubType'))}"
        )
    names = ("complaintFeedbackType", "reason", "errorMessage", "delayType")
    return next((reading.optional(about[name]) for name in names if name in about), None)


def _token(mail: dict) -> str | None:
    tags = reading.listed(reading.inner(mail, "tags").get("copy"))
    # SES gives a mail a Message-ID of its own; ours stands among the original headers
    message_id = reading.header_of(mail.get("headers"), "message-id")
    return reading.token(tags[0] if tags else "", message_id)


PROVIDER = Provider(
    name="amazon_ses",
    title="Amazon SES",
    docs="https://docs.aws.amazon.com/ses/latest/dg/monitor-using-event-publishing.html",
    host="email-smtp.us-east-1.amazonaws.com",
    other_ports=(2587, 465),
    host_hint="With your own region in place of us-east-1.",
    username_hint="Of the SMTP credentials, which are not the AWS access key.",
    key_label="ARN of the SNS topic",
    key_hint="Like arn:aws:sns:us-east-1:123456789012:mail-events. Only this topic is listened to.",
    setup=(
        "In Amazon SNS make a standard topic, paste its ARN here, and save.",
        "Make a subscription of it: protocol HTTPS, endpoint the hook address, raw delivery off."
        " It is confirmed by itself.",
        "In Amazon SES add an SNS event destination with that topic to a configuration set, and"
        " make that set the default of the identity you send from.",
    ),
    stops=tuple(code for code in range(400, 500) if code != 429),
    tracking_headers=tracking_headers,
    message_id_in=message_id_in,
    is_authentic=is_authentic,
    dedupe_key=dedupe_key,
    parse=parse,
    confirmation_url=confirmation_url,
)
