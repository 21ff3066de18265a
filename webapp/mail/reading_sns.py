"""Amazon SES notices that SNS hands on by mail: JSON in the text.

https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html
"""

import json
from typing import Any

from webapp.mail import findings
from webapp.mail.findings import MAX_RECIPIENTS, Finding, Verdict

_KINDS = {"bounce": "bouncedRecipients", "complaint": "complainedRecipients", "delivery": ""}


def read(text: str) -> tuple[str, list[Finding]]:
    """("bounce", "complaint" or "delivery", whom it speaks of); ("", []) for any other text."""
    notice = _notice(text.strip())
    kind = str(notice.get("notificationType") or notice.get("eventType") or "").lower()
    if kind not in _KINDS:
        return "", []
    body = notice.get(kind)
    body = body if isinstance(body, dict) else {}
    if kind == "delivery":
        return kind, [_arrived(one) for one in _items(body, "recipients") if isinstance(one, str)]
    people = [one for one in _items(body, _KINDS[kind]) if isinstance(one, dict)]
    if kind == "complaint":
        return kind, [_arrived(str(one.get("emailAddress", ""))) for one in people]
    return kind, [_bounced(one, body.get("bounceType") == "Transient") for one in people]


def _notice(text: str) -> dict:
    """The notice, bare or as the Message of an SNS envelope; {} for anything else. Lines that the
    mail broke in the middle of a string are read on."""
    if not text.startswith("{"):
        return {}
    try:
        found, _ = json.JSONDecoder(strict=False).raw_decode(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    message = found.get("Message")
    return _notice(message.strip()) if isinstance(message, str) else found


def _items(body: dict, name: str) -> list[Any]:
    items = body.get(name)
    return items[:MAX_RECIPIENTS] if isinstance(items, list) else []


def _arrived(address: str) -> Finding:
    return Finding(address, Verdict.DELIVERED, "", None, None, "")


def _bounced(recipient: dict, is_transient: bool) -> Finding:
    return findings.judge(
        str(recipient.get("emailAddress", "")),
        str(recipient.get("diagnosticCode") or "").removeprefix("smtp;").strip(),
        stated=str(recipient.get("status") or ""),
        is_delay=is_transient and not recipient.get("status"),
        is_final=True,
    )
