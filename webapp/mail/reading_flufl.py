"""flufl.bounce, for what our own rules do not find an address in."""

import email
import logging

from flufl.bounce import all_failures

from webapp.mail.findings import MAX_RECIPIENTS

MAX_BYTES = 30_000
# it walks through all parts and lines once for each of its detectors
_MAX_DASHES = 200
_MAX_LINES = 1000
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)  # it tells of every stumble


def addresses(raw: bytes) -> tuple[list[str], list[str]]:
    """(temporary, permanent) failures it finds in the first MAX_BYTES, or so many lines and parts
    of them; empty where it stumbles."""
    raw = b"\n".join(raw[:MAX_BYTES].split(b"\n", _MAX_LINES)[:_MAX_LINES])
    pieces = raw.split(b"\n--", _MAX_DASHES)[:_MAX_DASHES]
    try:
        temporary, permanent = all_failures(email.message_from_bytes(b"\n--".join(pieces)))
    except Exception:  # IndexError without From, and more; it was written for well-formed mail
        return [], []
    return _texts(temporary), _texts(permanent)


def _texts(found: set) -> list[str]:
    said = (one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one) for one in found)
    return sorted(one for one in said if "@" in one)[:MAX_RECIPIENTS]
