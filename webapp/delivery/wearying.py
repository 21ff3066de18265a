"""Addresses that keep bouncing softly are paused: five copies within seven days, for two weeks."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Row, func, select

from webapp.delivery import suppressing
from webapp.delivery.models import Event, Recipient, Suppression
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.lib import clock
from webapp.mail.causes import WORDS, Cause
from webapp.mail.reports import ReportKind

SOFT_BOUNCES = 5
WITHIN = timedelta(days=7)
PAUSED_FOR = timedelta(days=14)


def pause_weary(copy_ids: Sequence[int]) -> None:
    """These copies have just bounced softly: pause whose address did so too often. In the caller's
    transaction.

    What bounced before a person (or the clock) last lifted the address is not counted again.
    """
    keys: dict[int, set[str]] = defaultdict(set)
    for start in range(0, len(copy_ids), 500):
        rows = db.session.execute(
            select(Recipient.workspace_id, Recipient.address_key).where(
                Recipient.id.in_(copy_ids[start : start + 500]),
                Recipient.status == Status.BOUNCED_SOFT,
                Recipient.address_key.is_not(None),
            )
        )
        for row in rows:
            keys[row.workspace_id].add(row.address_key)
    for workspace_id in sorted(keys):
        _pause(workspace_id, sorted(keys[workspace_id]))


def _pause(workspace_id: int, keys: Sequence[str]) -> None:
    since = clock.now() - WITHIN
    entries = []
    for start in range(0, len(keys), 500):
        some = keys[start : start + 500]
        for key, number, last in _counted(workspace_id, some, since):
            lifted = _last_lifted(workspace_id, key)
            if number >= SOFT_BOUNCES and lifted and lifted > since:
                again = _counted(workspace_id, [key], lifted)
                number, last = again[0][1:] if again else (0, last)
            if number >= SOFT_BOUNCES:
                entries.append(_entry(last, number))
    suppressing.suppress(workspace_id, entries)


def _counted(workspace_id: int, keys: Sequence[str], since: datetime) -> Sequence[Row]:
    """(address key, how many copies bounced softly since, the last of them)."""
    return db.session.execute(
        select(Recipient.address_key, func.count(), func.max(Recipient.id))
        .where(
            Recipient.workspace_id == workspace_id,
            Recipient.address_key.in_(keys),
            Recipient.status == Status.BOUNCED_SOFT,
            Recipient.changed_at > since,
        )
        .group_by(Recipient.address_key)
        .having(func.count() >= SOFT_BOUNCES)
    ).all()


def _last_lifted(workspace_id: int, key: str) -> datetime | None:
    return db.session.scalar(
        select(Suppression.lifted_at)
        .where(
            Suppression.workspace_id == workspace_id,
            Suppression.address_key == key,
            Suppression.lifted_at.is_not(None),
        )
        .order_by(Suppression.lifted_at.desc())
        .limit(1)
    )


def _entry(copy_id: int, number: int) -> suppressing.Entry:
    """`copy_id` is the last of them. Its columns as they are now, past the ORM."""
    last = db.session.execute(
        select(Recipient.address, Recipient.cause).where(Recipient.id == copy_id)
    ).one()
    event_id = db.session.scalar(
        select(func.max(Event.id)).where(
            Event.recipient_id == copy_id,
            Event.kind == ReportKind.BOUNCED_SOFT,
            Event.superseded_at.is_(None),
        )
    )
    cause = Cause(last.cause) if last.cause else Cause.UNKNOWN
    reason = f"{number} emails did not get through within seven days. The last one:"
    return suppressing.Entry(
        last.address,
        cause,
        f"{reason} {WORDS[cause].sentence}",
        event_id,
        expires_at=clock.now() + PAUSED_FOR,
    )
