"""Addresses that keep bouncing softly are paused: five copies within seven days, for two weeks."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Row, and_, delete, func, or_, select

from webapp.delivery import suppressing
from webapp.delivery.models import Event, Recipient, Suppression
from webapp.delivery.models_wearying import SoftBounce
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.lib import clock
from webapp.mail.causes import WORDS, Cause
from webapp.mail.reports import ReportKind
from webapp.rows import insert_each

SOFT_BOUNCES = 5
WITHIN = timedelta(days=7)
PAUSED_FOR = timedelta(days=14)


def pause_weary(copy_ids: Sequence[int]) -> None:
    """These copies have just bounced softly: pause whose address did so too often. In the caller's
    transaction.

    What bounced before a person (or the clock) last lifted the address is not counted again.
    """
    _pause_those(copy_ids, Recipient.status == Status.BOUNCED_SOFT)


def pause_weary_untracked(bounced: Mapping[int, Cause], arrived: set[int]) -> None:
    """The same while the tracker is off: their statuses do not say so, so it is noted beside them;
    `arrived` are copies that got through after all. In the caller's transaction."""
    _forget(sorted(arrived))
    now = clock.now()
    rows = [(copy_id, bounced[copy_id], now) for copy_id in sorted(bounced.keys() - arrived)]
    unless_there = "ON CONFLICT (recipient_id) DO NOTHING"
    columns = ("recipient_id", "cause", "at")
    insert_each(db.session.connection(), SoftBounce.__table__, columns, rows, unless_there)
    _pause_those([row[0] for row in rows], Recipient.status < Status.BOUNCED_SOFT)


def forget_old() -> None:
    """What is too old to be counted goes. Commits."""
    db.session.execute(delete(SoftBounce).where(SoftBounce.at < clock.now() - WITHIN))
    db.session.commit()


def _forget(copy_ids: Sequence[int]) -> None:
    for start in range(0, len(copy_ids), 500):
        some = copy_ids[start : start + 500]
        db.session.execute(delete(SoftBounce).where(SoftBounce.recipient_id.in_(some)))


def _pause_those(copy_ids: Sequence[int], condition: ColumnElement[bool]) -> None:
    keys: dict[int, set[str]] = defaultdict(set)
    for start in range(0, len(copy_ids), 500):
        rows = db.session.execute(
            select(Recipient.workspace_id, Recipient.address_key).where(
                Recipient.id.in_(copy_ids[start : start + 500]),
                Recipient.address_key.is_not(None),
                condition,
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
        .outerjoin(SoftBounce, SoftBounce.recipient_id == Recipient.id)
        .where(
            Recipient.workspace_id == workspace_id,
            Recipient.address_key.in_(keys),
            or_(
                and_(Recipient.status == Status.BOUNCED_SOFT, Recipient.changed_at > since),
                and_(Recipient.status < Status.BOUNCED_SOFT, SoftBounce.at > since),
            ),
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
        select(Recipient.address, func.coalesce(SoftBounce.cause, Recipient.cause).label("cause"))
        .outerjoin(SoftBounce, SoftBounce.recipient_id == Recipient.id)
        .where(Recipient.id == copy_id)
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
