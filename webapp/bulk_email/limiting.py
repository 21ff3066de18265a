"""What a Connection may send, and what takes over when it cannot: checked, taken over, said."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select

from webapp.delivery.models import Connection
from webapp.extensions import db

MOST_CONVERSATIONS = 40
SLOWEST, FASTEST = 0.01, 10_000.0  # mails a second
LARGEST_CAP = 100_000_000
_RATE = re.compile(r"\d{1,6}(?:[.,]\d{1,4})?")
_CAP = re.compile(r"\d{1,3}(?:[ ,.’']\d{3})+|\d{1,12}")


@dataclass(frozen=True)
class LimitsInput:
    """What was typed; "" is no limit, and no backup."""

    max_connections: str
    rate: str
    daily_cap: str
    backup_id: str


def problems(connection: Connection, typed: LimitsInput) -> dict[str, str]:
    """{field: what is wrong}, a sentence each."""
    found = {}
    most = typed.max_connections.strip()
    if not most.isdecimal() or not 1 <= int(most) <= MOST_CONVERSATIONS:
        found["max_connections"] = f"From 1 to {MOST_CONVERSATIONS}."
    try:
        _rate(typed.rate)
    except ValueError:
        found["rate"] = f"A number from {SLOWEST} to {FASTEST:,.0f}, such as 20 or 0.5; or nothing."
    try:
        _cap(typed.daily_cap)
    except ValueError:
        found["daily_cap"] = f"A whole number from 1 to {LARGEST_CAP:,}; or nothing."
    if problem := _backup_problem(connection, typed.backup_id.strip()):
        found["backup_id"] = problem
    return found


def apply(connection: Connection, typed: LimitsInput) -> dict[str, list]:
    """Take over what has no problems; {field: [before, after]} of what is another now."""
    after = {
        "max_connections": int(typed.max_connections),
        "rate": _rate(typed.rate),
        "daily_cap": _cap(typed.daily_cap),
        "backup_id": int(typed.backup_id) if typed.backup_id.strip() else None,
    }
    before = {name: getattr(connection, name) for name in after}
    if after["rate"] != before["rate"]:
        connection.next_slot_at = None  # what was spent ahead was spent at another rate
    for name, value in after.items():
        setattr(connection, name, value)
    changed = {name: [before[name], after[name]] for name in after if before[name] != after[name]}
    if ids := changed.pop("backup_id", None):
        changed["backup"] = [_name(each) for each in ids]
    return changed


def _name(connection_id: int | None) -> str | None:
    found = db.session.get(Connection, connection_id) if connection_id else None
    return found.name if found else None


def candidates(connection: Connection) -> Sequence[Connection]:
    """The other Connections of the workspace, which may be named as the backup."""
    return db.session.scalars(
        select(Connection)
        .where(
            Connection.workspace_id == connection.workspace_id,
            Connection.removed_at.is_(None),
            Connection.id != (connection.id or 0),
        )
        .order_by(Connection.name, Connection.id)
    ).all()


def used_today(connection: Connection, now: datetime) -> int:
    """Mails counted towards the daily cap since midnight UTC."""
    today = now.astimezone(UTC).date().isoformat()
    return connection.cap_used if connection.cap_day == today else 0


def _rate(typed: str) -> float | None:
    text = typed.strip()
    if not text:
        return None
    if not _RATE.fullmatch(text):
        raise ValueError(text)
    rate = float(text.replace(",", "."))
    if not SLOWEST <= rate <= FASTEST:
        raise ValueError(text)
    return rate


def _cap(typed: str) -> int | None:
    text = typed.strip()
    if not text:
        return None
    if not _CAP.fullmatch(text):
        raise ValueError(text)
    cap = int(re.sub(r"\D", "", text))
    if not 1 <= cap <= LARGEST_CAP:
        raise ValueError(text)
    return cap


def _backup_problem(connection: Connection, typed: str) -> str:
    if not typed:
        return ""
    others = {str(each.id): each for each in candidates(connection)}
    if connection.id and typed == str(connection.id):
        return "A connection cannot stand in for itself."
    if typed not in others:
        return "Choose one from the list."
    seen, each = {connection.id}, others[typed]
    while each is not None and each.removed_at is None:
        if each.id in seen:
            return f"{others[typed].name} already falls back on this one; choose another."
        seen.add(each.id)
        each = each.backup
    return ""
