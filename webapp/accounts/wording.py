"""What stands in the audit log, for people: each detail labelled, what changed as old → new."""

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from webapp.accounts.models import AuditEntry

LABELS: Mapping[str, str] = {
    "addresses": "addresses",
    "at": "for",
    "backup": "connection that takes over",
    "backup_id": "connection that takes over",
    "before": "called before",
    "called": "name",
    "changed": "changed",
    "copies": "copies",
    "copy": "attached to copy no.",
    "daily_cap": "mails a day",
    "done_folder": "folder for what was read",
    "events": "events",
    "fields_added": "new fields",
    "fields_renamed": "renamed",
    "from_address": "sender's address",
    "from_name": "sender's name",
    "hosts": "hosts",
    "kind": "kind of mailbox",
    "kinds": "what it is told",
    "max_connections": "conversations at once",
    "password": "password",
    "postal_address": "postal address",
    "rate": "mails a second",
    "refused": "lines refused",
    "selected": "records",
    "time_zone": "time zone",
    "unconfirmed_policy": "copies that nobody can tell of",
    "url": "address",
    "username": "user name",
    "why": "because",
}
_VALUES: Mapping[str, Mapping[object, str]] = {
    "security": {"none": "not encrypted", "starttls": "STARTTLS", "tls": "TLS"},
    "kind": {"imap": "IMAP", "pop": "POP3"},
    "unconfirmed_policy": {"hold": "wait for a person", "send_again": "sent again"},
    "rate": {None: "no limit"},
    "daily_cap": {None: "no limit"},
    "why": {
        "restored": "the database was older than what the host had seen",
        "moved": "the database stood in another place",
        "unknown_host": "the host was unknown",
    },
}
_NOTHING = "none"
_LISTS = ("hosts", "why", "fields_added", "fields_renamed")  # all others of two are changes


def details(entry: AuditEntry, zone: str | None) -> list[str]:
    """Its details, a line each; times in `zone`."""
    found = dict(entry.details)
    if "before" in found and "after" in found:
        found = {_changed_by(entry.action): [found["before"], found["after"]]}
    if "from" in found and "to" in found:
        found = {"until": [found["from"], found["to"]]}
    lines = [_line(name, value, zone) for name, value in found.items() if value != ""]
    return [line[:1].upper() + line[1:] for line in lines]


def _changed_by(action: str) -> str:
    return {"member.role_changed": "role"}.get(action, "called")


def _line(name: str, value: object, zone: str | None) -> str:
    label = LABELS.get(name, name.replace("_", " "))
    if isinstance(value, list) and name in _LISTS:
        return f"{label}: {', '.join(_said(name, each, zone) for each in value)}"
    if isinstance(value, list) and len(value) == 2:
        before, after = (_said(name, each, zone) for each in value)
        return f"{label}: {before} → {after}"
    return f"{label}: {_said(name, value, zone)}"


def _said(name: str, value: object, zone: str | None) -> str:
    """A value as people write it."""
    words = _VALUES.get(name, {})
    if isinstance(value, str | None) and value in words:
        return words[value]
    if value is None or value == "":
        return _NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:,.6g}" if isinstance(value, float) else f"{value:,}"
    if name == "kinds":
        return ", ".join(str(value).split())
    if isinstance(value, list | dict):
        return ", ".join(_said(name, each, zone) for each in value)
    return time_in(str(value), zone)


def time_in(text: str, zone: str | None) -> str:
    """A time (ISO 8601) as it is in `zone`; any other text as it is."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{at.astimezone(ZoneInfo(zone or 'UTC')):%-d %b %Y, %H:%M %Z}" if at.tzinfo else text
