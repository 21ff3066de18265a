"""What became of tries of ours: the Attempts, and the statuses that follow from them.

What a worker says under an old fence is kept but changes nothing, except that a 250 is a 250.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from operator import itemgetter
from typing import NamedTuple

from sqlalchemy import Row, bindparam, select

from webapp import rows as many
from webapp.columns import Ids, is_among
from webapp.delivery import leasing, passing_on, raising, tallying
from webapp.delivery.models import Attempt, Recipient
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.mail.causes import Cause
from webapp.mail.transactions import Phase

_DECISIONS = (Status.UNCONFIRMED, Status.FAILED, Status.BOUNCED_SOFT)
_recipients = Recipient.__table__
_LOCK = (
    select(
        _recipients.c.id,
        _recipients.c.bulk_email_id,
        _recipients.c.status,
        _recipients.c.fence,
        _recipients.c.in_flight_at,
        _recipients.c.attempt_count,
    )
    .where(is_among(_recipients.c.id, bindparam("ids", type_=Ids)))
    .order_by(_recipients.c.id)
    .with_for_update()
)
_BY_COPY = itemgetter(0, 3)  # (recipient_id, fence) of an Outcome
_MATCH = ("id", "fence", "status")
_RAISED = {
    "in_flight_at": "NULL",
    "attempt_count": "attempt_count + 1",
    **dict.fromkeys(("status", "cause", "reply", "changed_at"), "{}"),
}
_ACCEPTED = _RAISED | {
    "status": str(Status.SENT.rank),
    "cause": "NULL",
    "sent_at": "coalesce(sent_at, {changed_at})",
    "provider_message_id": "coalesce({}, provider_message_id)",
}
_NOT_ACCEPTED = _RAISED | {"decision": "{}", "next_try_at": "{}"}


class Outcome(NamedTuple):
    """How one try ended: what the Attempt says alone, and when the next is due (if any). `before`
    is the status that its copy had when it was taken."""

    recipient_id: int
    bulk_email_id: int
    address: str
    fence: int
    generation: int
    before: Status
    phase: Phase
    code: int | None
    reply: str
    status: Status
    cause: Cause | None
    began_at: datetime
    ended_at: datetime
    next_try_at: datetime | None = None
    provider_message_id: str | None = None


def record(outcomes: Sequence[Outcome]) -> None:
    """Insert every Attempt, clear the mark where the fence still holds, raise the statuses.

    Under an old fence only a 250 raises; everything else is only recorded. Not committed.
    """
    if not outcomes:
        return
    outcomes = sorted(outcomes, key=_BY_COPY)
    newest = {said.recipient_id: said for said in outcomes}
    raised = _raise_untouched(list(newest.values()))
    if len(raised) < len(outcomes):
        raised = _settle_others(outcomes, raised)
    else:
        _insert_attempts(raised, ())
    _move_tallies(raised)
    passing_on.note_risen(
        [(said.recipient_id, said.status) for said in raised if said.status is not Status.SENT]
    )


def _settle_others(outcomes: Sequence[Outcome], raised: list[Outcome]) -> list[Outcome]:
    """Those whose copies have changed meanwhile, too; all that were raised by their own try."""
    known = {id(said) for said in raised}
    held, late = _look_closer([said for said in outcomes if id(said) not in known])
    waiting = [(said, row) for said, row in held if row.status in leasing.WAITING]
    raised += _raise_untouched([said._replace(before=row.status) for said, row in waiting])
    overtaken = [(said, row) for said, row in held if row.status not in leasing.WAITING]
    _insert_attempts(raised + [said for said, _ in overtaken], late)
    _clear_marks(overtaken)
    raising.raise_statuses(
        [_change(said) for said, _ in overtaken]
        + [_change(said) for said in late if said.status is Status.SENT]
    )
    return raised


def _raise_untouched(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Those, nearly all, whose copies are as they were when they were taken."""
    accepted, other = [], []
    for said in outcomes:
        known = (said.recipient_id, said.fence, said.before)
        if said.status is Status.SENT:
            accepted.append((*known, said.reply, said.ended_at, said.provider_message_id))
        else:
            decision = said.status if said.status in _DECISIONS else None
            raised = (said.status, said.cause, said.reply, said.ended_at)
            other.append((*known, *raised, decision, said.next_try_at))
    connection, where = db.session.connection(), "in_flight_at IS NOT NULL"
    found = set()
    for changes, rows in ((_ACCEPTED, accepted), (_NOT_ACCEPTED, other)):
        found |= many.update_matching(connection, _recipients, _MATCH, changes, rows, where=where)
    return [said for said in outcomes if said.recipient_id in found]


def _look_closer(outcomes: Sequence[Outcome]) -> tuple[list[tuple[Outcome, Row]], list[Outcome]]:
    """(those whose fence holds, with their copies as they are now; those under an old fence)."""
    if not outcomes:
        return [], []
    ids = [said.recipient_id for said in outcomes]
    rows = {row.id: row for row in db.session.connection().execute(_LOCK, {"ids": ids})}
    held, late = [], []
    for said in outcomes:
        row = rows.get(said.recipient_id)
        if row is None:
            continue  # its email is gone
        if row.fence == said.fence and row.in_flight_at is not None:
            held.append((said, row))
        else:
            late.append(said)
    return held, late


def _change(said: Outcome) -> raising.Change:
    return raising.Change(
        said.recipient_id,
        said.status,
        said.cause,
        said.reply,
        at=said.ended_at,
        is_decision=said.status in _DECISIONS,
    )


def _insert_attempts(held: Sequence[Outcome], late: Sequence[Outcome]) -> None:
    columns = (
        *("recipient_id", "generation", "fence", "is_fence_valid", "phase", "code", "reply"),
        *("status", "cause", "began_at", "ended_at"),
    )
    rows = [
        (
            *(said.recipient_id, said.generation, said.fence, is_valid, said.phase, said.code),
            *(said.reply, said.status, said.cause, said.began_at, said.ended_at),
        )
        for outcomes, is_valid in ((held, True), (late, False))
        for said in outcomes
    ]
    many.insert_at_once(db.session.connection(), Attempt.__table__, columns, rows)


def _move_tallies(raised: Sequence[Outcome]) -> None:
    deltas: dict[int, Counter] = defaultdict(Counter)
    moves = Counter([(said.bulk_email_id, said.before, said.status) for said in raised])
    for (bulk_email_id, before, status), number in moves.items():
        deltas[bulk_email_id][before] -= number
        deltas[bulk_email_id][status] += number
    for bulk_email_id in sorted(deltas):
        tallying.move(bulk_email_id, deltas[bulk_email_id])


def _clear_marks(held: Sequence[tuple[Outcome, Row]]) -> None:
    """Of copies that an event has raised already; what the try says joins as one more word."""
    many.update_each(
        db.session.connection(),
        _recipients,
        ("id", "in_flight_at", "attempt_count"),
        [(said.recipient_id, None, row.attempt_count + 1) for said, row in held],
    )
