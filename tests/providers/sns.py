"""An SNS of our own: a certificate at an address that looks like Amazon's, and what it signs."""

import base64
import json
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from webapp.lib import clock
from webapp.providers import amazon_ses

CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-made.pem"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:mail-events"
PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate(days: int = 30) -> bytes:
    """PEM, valid until in `days`."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(PRIVATE.public_key())
        .serial_number(1)
        .not_valid_before(clock.now() - timedelta(days=900))
        .not_valid_after(clock.now() + timedelta(days=days))
        .sign(PRIVATE, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


def notification(event: dict, **changes) -> dict:
    """An unsigned notification about `event`."""
    return {
        "Type": "Notification", "MessageId": "n-1", "TopicArn": TOPIC,
        "Message": json.dumps(event), "Timestamp": "2026-03-01T12:00:05.000Z",
    } | changes  # fmt: skip


def confirmation(**changes) -> dict:
    query = f"Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t-1"
    return {
        "Type": "SubscriptionConfirmation", "MessageId": "c-1", "TopicArn": TOPIC, "Token": "t-1",
        "Message": "confirm it", "SubscribeURL": f"https://sns.eu-west-1.amazonaws.com/?{query}",
        "Timestamp": "2026-03-01T12:00:05.000Z",
    } | changes  # fmt: skip


def sign(message: dict, version: str = "2") -> dict:
    """As SNS signs it: the fields of its type, each by name and value, a line each."""
    names = amazon_ses._SIGNED[message["Type"]]
    lines = "".join(f"{name}\n{message[name]}\n" for name in names if name in message)
    algorithm = hashes.SHA1() if version == "1" else hashes.SHA256()
    signature = PRIVATE.sign(lines.encode(), padding.PKCS1v15(), algorithm)
    return message | {
        "SignatureVersion": version, "SigningCertURL": CERTIFICATE_URL,
        "Signature": base64.b64encode(signature).decode(),
    }  # fmt: skip
