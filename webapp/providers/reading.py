"""What several provider files need to read strangers' JSON without being hurt by it."""

import hashlib
import json
import math
from datetime import UTC, datetime
from typing import Any

from webapp.mail.replies import clean_text
from webapp.providers.contract import Unreadable


def load_json(body: bytes) -> Any:
    """The JSON in `body`. Raises Unreadable: no JSON, nested too deeply, numbers too long."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"not JSON: {type(error).__name__}") from None


def text(value: Any, limit: int = 2000) -> str:
    """A value as clean text; "" for what is no text or number."""
    if isinstance(value, str):
        return clean_text(value, limit)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)[:limit]
    return ""


def moment(value: Any) -> datetime | None:
    """A time given as seconds or milliseconds since 1970, or ISO text; None if it is none."""
    if isinstance(value, str):
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            return _from_seconds(value)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    return _from_seconds(value)


def digest(body: bytes) -> str:
    """A key for providers that name no delivery: the same bytes are the same delivery."""
    return hashlib.sha256(body).hexdigest()


def _from_seconds(value: Any) -> datetime | None:
    try:
        seconds = float(value)
        if not math.isfinite(seconds):
            return None
        if seconds > 1e11:  # milliseconds
            seconds /= 1000
        return datetime.fromtimestamp(seconds, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None
