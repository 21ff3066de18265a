"""Signing what goes to other systems as https://www.standardwebhooks.com says, version 1.

By hand: the library of that name brings an HTTP client and three more packages for one HMAC.
"""

import base64
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime

PREFIX = "whsec_"


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signed_headers(identity: str, at: datetime, body: bytes, keys: Iterable[str]) -> dict[str, str]:
    """The three headers; one signature for each of `keys` (secrets of new_secret), so that a
    receiver who knows any of them is served while they change."""
    stamp = str(int(at.timestamp()))
    signatures = " ".join(f"v1,{_signature(key, identity, stamp, body)}" for key in keys)
    return {
        "webhook-id": identity,
        "webhook-timestamp": stamp,
        "webhook-signature": signatures,
    }


def _signature(secret: str, identity: str, stamp: str, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = b".".join([identity.encode(), stamp.encode(), body])
    return base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
