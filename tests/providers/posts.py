"""Posts of providers made for these tests, shaped after their documentation."""

import base64
import json
from collections.abc import Mapping

from webapp.delivery import tokens
from webapp.mail.reports import Report
from webapp.providers.contract import Provider

TOKEN = tokens.copy_token(b"a key of the tests", 4711)
BASIC = {"authorization": "Basic " + base64.b64encode(b"tracker:open sesame").decode()}


def body_of(post: object) -> bytes:
    return json.dumps(post).encode()


def reports(provider: Provider, post: object, headers: Mapping[str, str] = {}) -> list[Report]:
    return provider.parse(body_of(post), headers)


def report(provider: Provider, post: object, headers: Mapping[str, str] = {}) -> Report:
    """The one thing that `post` says."""
    [found] = reports(provider, post, headers)
    return found


def verdict(found: Report) -> tuple[str, str | None]:
    """(kind, cause) as plain words."""
    return found.kind.value, found.cause.value if found.cause else None
