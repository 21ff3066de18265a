"""What several provider files need to read strangers' JSON without being hurt by it."""

import contextlib
import hashlib
import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parseaddr
from functools import lru_cache
from typing import Any

import orjson

from webapp.lib import signing
from webapp.mail import replies
from webapp.mail.causes import Cause
from webapp.mail.replies import Reply
from webapp.providers.contract import Unreadable

_LINE_ENDS = re.compile(r"\r\n?")
_CODE = re.compile(r"(?<![\d.])([245]\d\d)(?![\d.])[ -]?")
_ENHANCED = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")


def load_json(body: bytes | str) -> Any:
    """The JSON in `body`. Raises Unreadable: no JSON, nested too deeply, numbers too long."""
    with contextlib.suppress(orjson.JSONDecodeError):
        return orjson.loads(body)
    try:  # what it is too strict for: half a surrogate, UTF-16, a mark of the order of bytes
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"not JSON: {type(error).__name__}") from None


def load_object(body: bytes | str) -> dict:
    """As load_json, for providers that post one object."""
    found = load_json(body)
    if not isinstance(found, dict):
        raise Unreadable("not an object")
    return found


def load_objects(body: bytes) -> list[dict]:
    """As load_json, for providers that post a list, or one object bare; no objects are left out."""
    found = load_json(body)
    if isinstance(found, dict):
        return [found]
    if not isinstance(found, list):
        raise Unreadable("not a list of events")
    return [each for each in found if isinstance(each, dict)]


def inner(value: Any, *path: str) -> dict:
    """The object at `path` within `value`; {} where there is none."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def listed(value: Any) -> list:
    """`value` where it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def text(value: Any, limit: int = 2000) -> str:
    """A value as clean text of one line; "" for what is no text or number."""
    if isinstance(value, str):
        return value[:limit] if value.isprintable() else replies.clean_text(value, limit)
    if value is None:  # most often, and the quickest to see
        return ""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            return str(value)[:limit]
        except ValueError:  # a number of more digits than Python will write
            return ""
    return ""


def lines(value: Any, limit: int = 2000) -> str:
    """As text(), with its line breaks: for what a server said, which is shown as it came."""
    if not isinstance(value, str) or value.isprintable():
        return text(value, limit)
    kept = _LINE_ENDS.sub("\n", value[: limit * 2]).split("\n")
    return "\n".join(replies.clean_text(line, limit) for line in kept)[:limit]


def optional(value: Any, limit: int = 2000) -> str | None:
    """As lines(), and None for what is no text."""
    return lines(value, limit) if isinstance(value, (str, int, float)) else None


def moment(value: Any) -> datetime | None:
    """A time given as seconds or milliseconds since 1970, or ISO text (which keeps its offset);
    None if it is none."""
    if isinstance(value, str) and not value.strip().isdecimal():
        try:
            found = datetime.fromisoformat(value)
            found.astimezone(UTC)  # the years 1 and 9999 overflow here
        except (ValueError, OverflowError):
            return _from_seconds(value)
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    return _from_whole(value) if type(value) is int else _from_seconds(value)


def address(value: Any) -> str | None:
    """The address in "Ann <ann@example.org>" or alone; None without one."""
    written = text(value, 640)
    found = parseaddr(written)[1] or written
    return found[:320] or None


def digest(body: bytes) -> str:
    """A key for providers that name no delivery: the same bytes are the same delivery."""
    return hashlib.sha256(body).hexdigest()


def delivery_key(given: Any, body: bytes) -> str:
    """The delivery's own id where the provider gave one that fits, else the bytes' digest."""
    key = text(given, 200)
    return f"id:{key}" if 0 < len(key) <= 120 else digest(body)


def token(given: Any, message_id: Any = None) -> str | None:
    """The copy's token: as it came back, else the left side of the Message-ID, which is ours."""
    found = text(given, 80)
    if found:
        return found
    local = text(message_id, 320).strip("<> ").partition("@")[0]
    return local if signing.is_token_shaped(local) else None


def header_of(listing: Any, name: str) -> str:
    """A header's value in what providers send of a mail's headers: [{"name", "value"}, …],
    [[name, value], …] or {name: value}; "" without it."""
    pairs = listing.items() if isinstance(listing, dict) else listed(listing)
    for pair in pairs:
        if isinstance(pair, dict):
            pair = (pair.get("name"), pair.get("value"))
        if isinstance(pair, (list, tuple)) and len(pair) == 2 and text(pair[0]).lower() == name:
            return text(pair[1], 4000)
    return ""


def queued_as(reply: str) -> str | None:
    """The provider's id in "250 Ok: queued as …"."""
    found = re.search(r"queued as (\S{1,255})", reply)
    return found[1] if found else None


def details(event: Mapping, named: Mapping[str, str]) -> dict:
    """{our name: clean text} of what `event` has under {their name: our name}."""
    return {
        ours: value
        for theirs, ours in named.items()
        if theirs in event and (value := text(event[theirs], 1000))
    }


def cause_of(said: str, *, is_for_now: bool = False, default: Cause = Cause.UNKNOWN) -> Cause:
    """The Cause in a server's words, wherever in them its codes stand ("smtp; 550 5.1.1 …").

    Without a code they are taken for a refusal, for now or for good.
    """
    words = " ".join(said.split())
    code, enhanced = _CODE.search(words), _ENHANCED.search(words)
    number = int(code[1]) if code else 450 if is_for_now else 550
    if enhanced and not code:
        number = int(enhanced[1][0]) * 100 + 50
    rest = words[code.end() :] if code else words
    if enhanced and not rest.startswith(enhanced[1]):
        rest = f"{enhanced[1]} {rest}"
    found = replies.cause_of(Reply(number, rest)) if words else Cause.UNKNOWN
    return default if found is Cause.UNKNOWN else found


@lru_cache(maxsize=8192)  # many things are said in the same second
def _from_whole(value: int) -> datetime | None:
    return _from_seconds(value)


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
