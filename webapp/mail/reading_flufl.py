"""flufl.bounce, for what our own rules do not find an address in."""

import email
import logging

from flufl.bounce import all_failures

from webapp.mail.findings import MAX_RECIPIENTS

MAX_BYTES = 30_000
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)  # it tells of every stumble


def addresses(raw: bytes) -> tuple[list[str], list[str]]:
    """(temporary, permanent) failures it finds in the first MAX_BYTES; empty where it stumbles."""
    try:
        temporary, permanent = all_failures(email.message_from_bytes(raw[:MAX_BYTES]))
    except Exception:  # IndexError without From, and more; it was written for well-formed mail
        return [], []
    return _texts(temporary), _texts(permanent)


def _texts(found: set) -> list[str]:
    said = (one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one) for one in found)
    return sorted(one for one in said if "@" in one)[:MAX_RECIPIENTS]
