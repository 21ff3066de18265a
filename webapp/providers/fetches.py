"""What our own links and pictures were asked for: no provider reports it, we saw it ourselves.

It has no hook. Who follows a link of a copy is answered by email_tracker.routes_following, which
hands in what it saw; the token was checked there.
"""

import json
from collections.abc import Mapping

from webapp.mail.reports import Report, ReportKind
from webapp.providers import reading
from webapp.providers.contract import Provider

_KINDS = {"open": ReportKind.OPENED, "click": ReportKind.CLICKED}
_DETAILS = ("link", "user_agent", "network", "method")


def made(token: str, **seen: str) -> bytes:
    """The body of an Arrival: the copy's token, `kind`, `at`, and what there is of _DETAILS."""
    return json.dumps({"copy": token} | seen).encode()


def parse(body: bytes, headers: Mapping[str, str]) -> list[Report]:
    seen = reading.load_object(body)
    kind = _KINDS.get(reading.text(seen.get("kind"), 10), ReportKind.UNKNOWN)
    details = {name: reading.text(seen[name], 300) for name in _DETAILS if name in seen}
    return [
        Report(
            kind=kind,
            token=reading.token(seen.get("copy")),
            address=None,
            happened_at=reading.moment(seen.get("at")),
            native="hidden link" if details.get("link") == "0" else kind,
            details=details,
        )
    ]


PROVIDER = Provider(
    name="fetch",
    title="Our own links",
    docs="",
    is_authentic=lambda body, headers, keys, now: True,
    dedupe_key=lambda body, headers: reading.digest(body),
    parse=parse,
)
