"""Is a post the provider's? The ways of proving it that several providers share."""

import base64
import hmac
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization


def knows_password(headers: Mapping[str, str], keys: Iterable[str], token_header: str = "") -> bool:
    """Whether the post names one of `keys`: as Basic user and password (RFC 7617; a key without a
    colon is the password of any user), as Bearer token, or in the provider's own header."""
    given = list(_given(headers, token_header))
    return any([is_same(word, expected) for key in keys for word, expected in _pairs(given, key)])


def _given(headers: Mapping[str, str], token_header: str) -> Iterable[tuple[str, bytes]]:
    scheme, _, rest = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() == "basic":
        yield "basic", unbase64(rest.strip()) or b""
    if scheme.lower() == "bearer":
        yield "bearer", encoded(rest.strip())
    if token_header and headers.get(token_header):
        yield "header", encoded(headers[token_header])


def _pairs(given: list[tuple[str, bytes]], key: str) -> Iterable[tuple[bytes, bytes]]:
    for way, word in given:
        if way == "basic" and ":" not in key:
            word = word.partition(b":")[2]
        yield word, encoded(key)


def is_same(one: bytes, other: bytes) -> bool:
    """In constant time; nothing is never the same as anything."""
    return bool(one) and hmac.compare_digest(one, other)


def encoded(given: object) -> bytes:
    """The bytes of a text, whatever it holds; b"" for no text."""
    return given.encode("utf-8", "surrogatepass") if isinstance(given, str) else b""


def unbase64(given: object) -> bytes | None:
    """The bytes in base64, line breaks and missing padding forgiven; None if it is none."""
    try:
        packed = "".join(given.split()) if isinstance(given, str) else ""
        return base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True)
    except ValueError:
        return None


@lru_cache(maxsize=256)
def public_key(pasted: str) -> object | None:
    """A public key as people paste it: PEM, bare base64, a DKIM record's p=; None if none."""
    record = re.search(r"(?:^|;)\s*p=([^;]+)", pasted)
    inside = re.sub(r"-----[A-Z ]+-----", "", record[1] if record else pasted)
    try:
        return serialization.load_der_public_key(unbase64(inside.strip(' "')) or b"")
    except (ValueError, UnsupportedAlgorithm):
        return None
