"""What a provider would post of a sent email: SendGrid's events, signed with a key of our own.

Every copy is processed; of a hundred, about five are deferred and two bounce; the others are
delivered, 45 are opened and 8 clicked. Three of a hundred events come twice, as providers do.
Runs in the peers' environment too.
"""

import base64
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"
SEED = 4711


@dataclass(frozen=True)
class Posts:
    """Bodies with their headers; `events` in all, `distinct` without the repeats."""

    bodies: list[tuple[bytes, dict[str, str]]]
    events: int
    distinct: int
    public_key: str


def make(
    copies: int, batch: int, address: Callable[[int], str], token: Callable[[int], str]
) -> Posts:
    """Posts of up to `batch` events about copies 0 … `copies`, in the order of their time."""
    dice, begin = random.Random(SEED), int(time.time()) - 86_400
    told = [event for number in range(copies) for event in _life(number, dice)]
    coming = [(at, at, kind, number) for at, kind, number in told]
    # a repeat comes later and says the same
    coming += [(at + dice.random() * 300, at, kind, number) for at, kind, number in told
               if dice.random() < 0.03]  # fmt: skip
    events = [
        _event(begin + int(at), kind, address(number), token(number), number)
        for _, at, kind, number in sorted(coming)
    ]
    key = ec.generate_private_key(ec.SECP256R1())
    bodies = [
        _signed(json.dumps(events[at : at + batch], separators=(",", ":")).encode(), key, begin)
        for at in range(0, len(events), batch)
    ]
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return Posts(bodies, len(events), len(told), base64.b64encode(public).decode())


def _life(number: int, dice: random.Random) -> list[tuple[float, str, int]]:
    """(second, event, number) of one copy."""
    at = number / 50
    told = [(at + dice.random() * 20, "processed", number)]
    if dice.random() < 0.05:
        told.append((at + 20 + dice.random() * 20, "deferred", number))
    if dice.random() < 0.02:
        return [*told, (at + 40 + dice.random() * 60, "bounce", number)]
    told.append((at + 30 + dice.random() * 60, "delivered", number))
    if dice.random() < 0.45:
        told.append((at + 100 + dice.expovariate(1 / 1500), "open", number))
        if dice.random() < 0.18:
            told.append((at + 120 + dice.expovariate(1 / 1500), "click", number))
    return told


def _event(at: int, kind: str, address: str, token: str, number: int) -> dict:
    said = {
        "email": address,
        "timestamp": at,
        "event": kind,
        "copy": token,
        "number": number,
        "category": ["letters"],
        "smtp-id": f"<{token}@harbour.example>",
        "sg_event_id": base64.urlsafe_b64encode(f"{kind}-{number}-{at}".encode()).decode(),
        "sg_message_id": f"{number:022x}.recvd-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",
    }
    if kind == "delivered":
        said["response"] = "250 2.0.0 OK 1790000000 x12-20020a05"
    elif kind == "deferred":
        said |= {"response": "451 4.7.1 Greylisted, try again later", "attempt": "1"}
    elif kind == "bounce":
        said |= {"type": "bounce", "status": "5.1.1", "reason": "550 5.1.1 No such user here"}
    elif kind in ("open", "click"):
        said |= {"useragent": "Mozilla/5.0 (X11; Linux x86_64)", "ip": "203.0.113.7"}
        if kind == "click":
            said["url"] = f"https://www.harbour.example/letters/HG-{number:08}"
    return said


def _signed(body: bytes, key: ec.EllipticCurvePrivateKey, at: int) -> tuple[bytes, dict[str, str]]:
    signature = key.sign(str(at).encode() + body, ec.ECDSA(hashes.SHA256()))
    headers = {SIGNATURE: base64.b64encode(signature).decode(), TIMESTAMP: str(at)}
    return body, headers | {"Content-Type": "application/json"}
