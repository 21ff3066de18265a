"""Mail that came back to a return path: no provider reports it, a mail server anywhere does.

It has no hook. The bounce receiver and the mailbox poller hand it in, with the return path it came
to in the header `envelope-to`. Authentic is what names one of our tokens, so that is left to the
matching.
"""

import hashlib
import re
from collections.abc import Mapping

from webapp.mail import bounce_reports
from webapp.mail.reports import Report
from webapp.providers.contract import Provider

ENVELOPE_TO = "envelope-to"
_TELLING = re.compile(rb"(?im)^(?:message-id|date|from|to|subject):.*$")


def dedupe_key(body: bytes, headers: Mapping[str, str]) -> str:
    """Equal for one mail that came in twice, by the receiver and out of a mailbox, too: what the
    servers on its way write on top is left out."""
    head, _, rest = body.replace(b"\r\n", b"\n").partition(b"\n\n")
    telling = b"\n".join(line.strip() for line in _TELLING.findall(head[:100_000]))
    return hashlib.sha256(telling + b"\0" + rest.strip()).hexdigest()


def parse(body: bytes, headers: Mapping[str, str]) -> list[Report]:
    return bounce_reports.read(body, headers.get(ENVELOPE_TO, ""))


PROVIDER = Provider(
    name="bounce",
    title="Returned mail",
    docs="",
    kept_headers=(ENVELOPE_TO,),
    is_authentic=lambda body, headers, keys, now: True,
    dedupe_key=dedupe_key,
    parse=parse,
)
