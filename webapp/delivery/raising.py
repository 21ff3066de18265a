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
    best, delivered, bounced = _best(changes)
    now = clock.now()
    risen, refreshed, conflicting = [], [], []
    deltas: dict[int, Counter] = defaultdict(Counter)
    for identity in sorted(best.keys() & locked.keys()):
        _, bulk_email_id, _, held = locked[identity]
        _, status, cause, reply, at, _ = best[identity]
        is_delivered = held is Status.DELIVERED or identity in delivered
        if is_delivered and (held is Status.BOUNCED or identity in bounced):
            conflicting.append((identity, True))
        delta = deltas[bulk_email_id]  # the version rises either way
        if status.rank > held.rank:
            delta[held] -= 1
            delta[status] += 1
            risen.append((identity, cause, reply, status, now, *_times(status, at or now)))
        elif status is held and (reply or cause):
            refreshed.append((identity, cause, reply))
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


def _best(changes: Iterable[Change]) -> tuple[dict[int, Change], set[int], set[int]]:
    """({copy: the change that counts}, the copies said to be delivered, and to have bounced)."""
    best: dict[int, Change] = {}
    delivered, bounced = set(), set()
    for change in changes:
        identity, status = change.recipient_id, change.status
        held = best.get(identity)
        if held is None or status.rank >= held.status.rank:
            best[identity] = change
        if status is Status.DELIVERED:
            delivered.add(identity)
        elif status is Status.BOUNCED:
            bounced.add(identity)
    return best, delivered, bounced


def _times(status: Status, at: datetime) -> tuple[datetime | None, datetime | None]:
    """(sent_at, delivered_at), where there is none yet."""
    is_accepted = status.rank >= Status.SENT.rank and status is not Status.DROPPED
    return at if is_accepted else None, at if status is Status.DELIVERED else None


def _set(columns: Sequence[str], rows: Sequence[tuple], **how: str) -> None:
    """Each of `rows` is a copy's id and the values of `columns`."""
    many.update_each(db.session.connection(), _COPIES, ("id", *columns), rows, **how)


def _move(deltas: Deltas) -> None:
    for bulk_email_id in sorted(deltas):
        tallying.move(bulk_email_id, deltas[bulk_email_id])
