"""Statuses rise here and nowhere else: copies locked in id order, Tally last, one transaction."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select, update

from webapp.delivery import tallying
from webapp.delivery.models import Recipient
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.lib import clock
from webapp.mail.causes import Cause

CHUNK = 500


@dataclass(frozen=True)
class Change:
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
    best: dict[int, Change] = {}
    said: dict[int, set[Status]] = defaultdict(set)
    for change in changes:
        said[change.recipient_id].add(change.status)
        held = best.get(change.recipient_id)
        if held is None or change.status.rank >= held.status.rank:
            best[change.recipient_id] = change

    deltas: dict[int, Counter] = defaultdict(Counter)
    for ids in _chunks(sorted(best)):
        _raise_chunk(ids, best, said, deltas)
    for bulk_email_id in sorted(deltas):
        tallying.move(bulk_email_id, deltas[bulk_email_id])


def set_statuses(statuses: Mapping[int, tuple[Status, str | None, str]]) -> None:
    """Set statuses outright, falls included: for commands and recomputation only."""
    deltas: dict[int, Counter] = defaultdict(Counter)
    for ids in _chunks(sorted(statuses)):
        rows = []
        for row in lock(ids):
            status, cause, reply = statuses[row.id]
            deltas[row.bulk_email_id][row.status] -= 1
            deltas[row.bulk_email_id][status] += 1
            rows.append({"b_id": row.id, "status": status, "cause": cause, "reply": reply})
        if rows:
            _update(rows, changed_at=clock.now())
    for bulk_email_id in sorted(deltas):
        tallying.move(bulk_email_id, deltas[bulk_email_id])


def lock(ids: Sequence[int]) -> Sequence:
    """(id, bulk_email_id, status, sent_at, delivered_at) of the copies, locked in id order."""
    return db.session.execute(
        select(
            Recipient.id,
            Recipient.bulk_email_id,
            Recipient.status,
            Recipient.sent_at,
            Recipient.delivered_at,
        )
        .where(Recipient.id.in_(ids))
        .order_by(Recipient.id)
        .with_for_update()
    ).all()


def _raise_chunk(ids: Sequence[int], best: dict, said: dict, deltas: dict) -> None:
    now = clock.now()
    risen, refreshed, conflicting = [], [], []
    for row in lock(ids):
        change: Change = best[row.id]
        if _conflicts(said[row.id] | {row.status}):
            conflicting.append(row.id)
        deltas[row.bulk_email_id][row.status] += 0  # the version rises either way
        values = {"b_id": row.id, "cause": change.cause, "reply": change.reply}
        if change.status.rank > row.status.rank:
            deltas[row.bulk_email_id][row.status] -= 1
            deltas[row.bulk_email_id][change.status] += 1
            risen.append(values | _times(row, change, now) | {"status": change.status})
        elif change.status is row.status and (change.reply or change.cause):
            refreshed.append(values)
    if risen:
        _update(risen, changed_at=now)
    if refreshed:
        _update(refreshed)
    decided = [identity for identity in ids if best[identity].is_decision]
    for identity in decided:
        _set([identity], decision=best[identity].status)
    if conflicting:
        _set(conflicting, is_conflicting=True)


def _times(row, change: Change, now: datetime) -> dict:
    at = change.at or now
    accepted = change.status.rank >= Status.SENT.rank and change.status is not Status.DROPPED
    return {
        "sent_at": row.sent_at or (at if accepted else None),
        "delivered_at": row.delivered_at or (at if change.status is Status.DELIVERED else None),
    }


def _conflicts(statuses: set[Status]) -> bool:
    return {Status.DELIVERED, Status.BOUNCED} <= statuses


def _update(rows: list[dict], **same) -> None:
    """One executemany; the rows' keys are columns, b_id the copy."""
    names = [name for name in rows[0] if name != "b_id"]
    statement = (
        update(Recipient.__table__)
        .where(Recipient.__table__.c.id == bindparam("b_id"))
        .values({name: bindparam(name) for name in names} | same)
    )
    db.session.connection().execute(statement, rows)


def _set(ids: Sequence[int], **values) -> None:
    db.session.execute(
        update(Recipient)
        .where(Recipient.id.in_(ids))
        .values(**values)
        .execution_options(synchronize_session=False)
    )


def _chunks(ids: list[int]) -> Iterable[list[int]]:
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]
