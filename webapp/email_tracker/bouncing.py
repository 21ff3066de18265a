"""Addresses of a workspace that bounce again and again, and those no longer written to."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, case, cast, extract, func, select
from sqlalchemy.orm import InstrumentedAttribute

from webapp.bulk_email.models import BulkEmail
from webapp.delivery.models import Recipient, Suppression
from webapp.delivery.statuses import Status
from webapp.extensions import db

WEEKS = 12
MOST_BOUNCING = 20
_BOUNCED = (Status.BOUNCED_SOFT, Status.BOUNCED)
_WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Bouncing:
    """An address that refused several emails (`times`); the rest is of the last one."""

    address_key: str
    address: str
    name: str
    times: int
    status: Status
    cause: str | None
    last_at: datetime


@dataclass(frozen=True)
class Week:
    """Suppressions put on and taken off in seven days from `began`; `active` at their end."""

    began: datetime
    added: int
    lifted: int
    active: int


def bouncing(workspace_id: int, last: int) -> list[list]:
    """The fields of Bouncing, who refused most of the `last` emails first. An email
    and its sending again, to whomever, are one."""
    emails = (
        select(BulkEmail.id, BulkEmail.parent_id)
        .where(BulkEmail.workspace_id == workspace_id, BulkEmail.tracked)
        .order_by(BulkEmail.id.desc())
        .limit(2 * last)
    )
    firsts = _firsts(db.session.execute(emails).all())
    ids = list(firsts)
    if not ids:
        return []
    times = func.count(case(firsts, value=Recipient.bulk_email_id).distinct())
    is_bounce = (Recipient.bulk_email_id.in_(ids), Recipient.status.in_(_BOUNCED))
    rows = db.session.execute(
        select(Recipient.address_key, times)
        .where(*is_bounce, Recipient.address_key.is_not(None))
        .group_by(Recipient.address_key)
        .having(times > 1)
        .order_by(times.desc(), func.max(Recipient.changed_at).desc(), Recipient.address_key)
        .limit(MOST_BOUNCING)
    ).all()
    keys = [key for key, _ in rows]
    copies = db.session.scalars(
        select(Recipient)
        .where(Recipient.workspace_id == workspace_id, Recipient.address_key.in_(keys), *is_bounce)
        .order_by(Recipient.changed_at, Recipient.id)
    )
    latest = {copy.address_key: copy for copy in copies}
    return [
        [
            *(key, latest[key].address, latest[key].name, number),
            *(latest[key].status.value, latest[key].cause, latest[key].changed_at.isoformat()),
        ]
        for key, number in rows
    ]


def weeks(workspace_id: int, now: datetime) -> tuple[int, list[list[int]]]:
    """(suppressions now, [added, lifted] of each of the last weeks, the oldest first)."""
    added = _by_week(workspace_id, Suppression.created_at, now)
    lifted = _by_week(workspace_id, Suppression.lifted_at, now)
    active = db.session.scalar(
        select(func.count())
        .select_from(Suppression)
        .where(Suppression.workspace_id == workspace_id, Suppression.lifted_at.is_(None))
    )
    return active or 0, [[added[week], lifted[week]] for week in range(WEEKS)]


def read_weeks(rows: Sequence[Sequence[int]], active: int, as_of: datetime) -> list[Week]:
    """The weeks with what was active at the end of each, reckoned back from now."""
    found: list[Week] = []
    for back, (added, lifted) in enumerate(reversed(rows), start=1):
        found.append(Week(as_of - back * _WEEK, added, lifted, active))
        active += lifted - added
    return found[::-1]


def _firsts(emails: Sequence) -> dict[int, int]:
    """{email: the one that it sends again, or itself}; `emails` are (id, parent's id), the newest
    first. A parent is older than its children."""
    firsts: dict[int, int] = {}
    for email_id, parent_id in reversed(emails):
        firsts[email_id] = firsts.get(parent_id, parent_id) if parent_id else email_id
    return firsts


def _by_week(workspace_id: int, at: InstrumentedAttribute, now: datetime) -> Counter[int]:
    """{the number-th of the last weeks: how many}."""
    start = now - WEEKS * _WEEK
    seconds = cast(extract("epoch", at), BigInteger) - int(start.timestamp())
    week = (seconds // int(_WEEK.total_seconds())).label("week")
    rows = db.session.execute(
        select(week, func.count())
        .where(Suppression.workspace_id == workspace_id, at > start)
        .group_by("week")
    )
    sums: Counter[int] = Counter()
    for number, found in rows:
        sums[min(number, WEEKS - 1)] += found
    return sums
