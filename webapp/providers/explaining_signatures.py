"""Whether recorded signatures are taken for authentic, for measuring against known answers."""

import json
from pathlib import Path

from webapp.lib import clock
from webapp.providers import BY_NAME, amazon_ses, explaining, reading
from webapp.providers.contract import CannotTell, Keys

# names of schemes → whose scheme it is
_SCHEMES = {"standard-webhooks": "resend", "svix": "resend", "sns": "amazon_ses"}
_KEY_FIELDS = ("public_key_b64_der", "secret", "signing_key", "public_key", "key")


def explain_signatures(vectors: list, folder: Path) -> list[bool]:
    """For each signed thing whether we take it for authentic; what is none is not. The certificates
    they name are files in `folder`."""
    return [isinstance(each, dict) and _is_signed(each, folder) for each in vectors]


def _is_signed(vector: dict, folder: Path) -> bool:
    try:
        given: str = vector["provider"]
        name = _SCHEMES.get(given, given)
        if name == "amazon_ses":
            return _is_signed_by_sns(vector["message"], folder / vector["cert_file"])
        key = str(next((vector[each] for each in _KEY_FIELDS if each in vector), ""))
        headers = vector.get("headers") or vector.get("headers_svix") or {}
        now = reading.moment(vector.get("now")) or clock.now()
        if "signature_block" in vector:
            body = json.dumps({"signature": vector["signature_block"], "event-data": {}}).encode()
        else:
            body = explaining.bytes_of(vector.get("body"))
        lowered = {header.lower(): str(value) for header, value in headers.items()}
        return BY_NAME[name].is_authentic(body, lowered, Keys(key), now)
    except (CannotTell, OSError, LookupError, TypeError, ValueError, AttributeError):
        return False


def _is_signed_by_sns(message: dict, certificate: Path) -> bool:
    """At the time it names: the certificates of old messages have expired. Nothing is fetched."""
    keys = Keys(None, certificate=lambda url: certificate.read_bytes())
    stated = reading.moment(message.get("Timestamp")) or clock.now()
    return amazon_ses.is_signed(message, keys, stated)
