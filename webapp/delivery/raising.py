"""Statuses rise here and nowhere else: copies locked in id order, Tally last, one transaction."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Row, bindparam, select

from webapp import rows as many
from webapp.columns import Ids, is_among
from webapp.delivery import passing_on, tallying
from webapp.delivery.models import Recipient
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.lib import clock
from webapp.mail.causes import Cause

_COPIES = Recipient.__table__
_LOOK = (
    select(_COPIES.c.id, _COPIES.c.bulk_email_id, _COPIES.c.workspace_id, _COPIES.c.status)
    .where(is_among(_COPIES.c.id, bindparam("ids", type_=Ids)))
    .order_by(_COPIES.c.id)
)
_CONFLICT = frozenset({Status.DELIVERED, Status.BOUNCED})
# {email: {status: how many more or fewer}}
Deltas = Mapping[int, Mapping[Status, int]]


class Change(NamedTuple):
    """What something (a decision, an attempt, an event) says of one copy."""

    recipient_id: int
    status: Status
    cause: Cause | None = None
    reply: str = ""
    at: datetime | None = None
    is_decision: bool = False


def raise_statuses(changes: Iterable[Change]) -> None:
    """Apply `changes` in the caller's transaction; a change below a copy's status does nothing but
    note the conflict of a bounce with a delivery. Equal ones refresh cause and reply."""
    changes = list(changes)
    locked = lock({change.recipient_id for change in changes})
    _move(raise_locked(changes, {row.id: row for row in locked}))


def raise_locked(changes: Iterable[Change], locked: Mapping[int, Row]) -> Deltas:
    """As raise_statuses, of copies that `lock` has given; the Tallies are left to the caller."""
    best, opposed = _best(changes)
    now = clock.now()
    risen, refreshed, conflicting = [], [], []
    deltas: dict[int, Counter] = defaultdict(Counter)
    for identity in sorted(best.keys() & locked.keys()):
        row, change = locked[identity], best[identity]
        if identity in opposed and opposed[identity] | {row.status} >= _CONFLICT:
            conflicting.append((identity, True))
        delta = deltas[row.bulk_email_id]  # the version rises either way
        if change.status.rank > row.status.rank:
            delta[row.status] -= 1
            delta[change.status] += 1
            new = (identity, change.cause, change.reply, change.status, now)
            risen.append(new + _times(change, now))
        elif change.status is row.status and (change.reply or change.cause):
            refreshed.append((identity, change.cause, change.reply))
    columns = ("cause", "reply", "status", "changed_at", "sent_at", "delivered_at")
    kept = {name: f"coalesce({name}, {{}})" for name in ("sent_at", "delivered_at")}
    _set(columns, risen, **kept)
    passing_on.note_risen([(row[0], row[3]) for row in risen])
    _set(("cause", "reply"), refreshed)
    _set(("is_conflicting",), conflicting)
    decided = [(each.recipient_id, each.status) for each in best.values() if each.is_decision]
    _set(("decision",), sorted(decided))
    return deltas


def set_statuses(statuses: Mapping[int, tuple[Status, str | None, str]]) -> None:
    """Set statuses outright, falls included: for commands and recomputation only."""
    deltas: dict[int, Counter] = defaultdict(Counter)
    now, values = clock.now(), []
    for row in lock(statuses):
        status, cause, reply = statuses[row.id]
        deltas[row.bulk_email_id][row.status] -= 1
        deltas[row.bulk_email_id][status] += 1
        values.append((row.id, status, cause, reply, now))
    _set(("status", "cause", "reply", "changed_at"), values)
    _move(deltas)


def lock(ids: Iterable[int]) -> Sequence[Row]:
    """(id, bulk_email_id, workspace_id, status) of the copies that exist, locked in id order."""
    # of another transaction's locks only that of a foreign key's check stands beside this one
    wanted = _LOOK.with_for_update(key_share=True)
    return db.session.connection().execute(wanted, {"ids": sorted(ids)}).all()


def look(ids: Iterable[int]) -> Sequence[Row]:
    """As lock(), without locking."""
    return db.session.connection().execute(_LOOK, {"ids": sorted(ids)}).all()


def _best(changes: Iterable[Change]) -> tuple[dict[int, Change], dict[int, set[Status]]]:
    """({copy: the change that counts}, {copy: those statuses it was said to have of which one
    contradicts the other})."""
    best: dict[int, Change] = {}
    opposed: dict[int, set[Status]] = defaultdict(set)
    for change in changes:
        identity, status = change[:2]
        held = best.get(identity)
        if held is None or status.rank >= held.status.rank:
            best[identity] = change
        if status in _CONFLICT:
            opposed[identity].add(status)
    return best, opposed


def _times(change: Change, now: datetime) -> tuple[datetime | None, datetime | None]:
    """(sent_at, delivered_at), where there is none yet."""
    at = change.at or now
    accepted = change.status.rank >= Status.SENT.rank and change.status is not Status.DROPPED
    return at if accepted else None, at if change.status is Status.DELIVERED else None


def _set(columns: Sequence[str], rows: Sequence[tuple], **how: str) -> None:
    """Each of `rows` is a copy's id and the values of `columns`."""
    many.update_each(db.session.connection(), _COPIES, ("id", *columns), rows, **how)


def _move(deltas: Deltas) -> None:
    for bulk_email_id in sorted(deltas):
        tallying.move(bulk_email_id, deltas[bulk_email_id])
