"""Status, computed anew from the rows: the proof of the fast way, and the mend after a replay."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select

from webapp.delivery import attending, raising
from webapp.delivery.models import Attempt, Event, Recipient
from webapp.delivery.statuses import Status, Tried, status_of
from webapp.extensions import db
from webapp.mail.reports import ReportKind
from webapp.rows import update_each


def computed(recipient_ids: Sequence[int]) -> dict[int, Status]:
    """What the status of each copy is by its Events, decision and Attempts alone."""
    events: dict[int, list] = defaultdict(list)
    for row in db.session.execute(
        select(Event.recipient_id, Event.status).where(
            Event.recipient_id.in_(recipient_ids), Event.superseded_at.is_(None)
        )
    ):
        events[row.recipient_id].append(row.status)
    attempts: dict[int, list[Tried]] = defaultdict(list)
    for row in db.session.execute(
        select(
            Attempt.recipient_id, Attempt.status, Attempt.generation, Attempt.is_fence_valid
        ).where(Attempt.recipient_id.in_(recipient_ids))
    ):
        attempts[row.recipient_id].append(Tried(row.status, row.generation, row.is_fence_valid))
    copies = db.session.execute(
        select(Recipient.id, Recipient.decision, Recipient.generation).where(
            Recipient.id.in_(recipient_ids)
        )
    )
    return {
        copy.id: status_of(events[copy.id], copy.decision, attempts[copy.id], copy.generation)
        for copy in copies
    }


def recompute(recipient_ids: Sequence[int]) -> int:
    """Set everything that follows from the rows and differs from what they say: status, cause,
    reply, facts, and the Tally with them; how many statuses did. In the caller's transaction."""
    ids = sorted(set(recipient_ids))
    raising.lock(ids)
    found = computed(ids)
    evidence = _evidence(ids)
    copies = db.session.scalars(
        select(Recipient).where(Recipient.id.in_(ids)).execution_options(populate_existing=True)
    ).all()
    wrong, differing = {}, 0
    for copy in copies:
        status = found[copy.id]
        cause, reply = _last_words(copy, status, evidence[copy.id])
        differing += copy.status != status
        if (copy.status, copy.cause, copy.reply) != (status, cause, reply):
            wrong[copy.id] = (status, cause, reply)
    raising.set_statuses(wrong)
    _set_facts(evidence)
    attending.judge(ids)
    return differing


def _evidence(ids: Sequence[int]) -> dict[int, list[Event | Attempt]]:
    """What was said of each copy: its Attempts, and then the Events that count, as they came."""
    said: dict[int, list[Event | Attempt]] = {identity: [] for identity in ids}
    for attempt in db.session.scalars(
        select(Attempt).where(Attempt.recipient_id.in_(ids)).order_by(Attempt.id)
    ):
        said[attempt.recipient_id].append(attempt)
    for event in db.session.scalars(
        select(Event)
        .where(Event.recipient_id.in_(ids), Event.superseded_at.is_(None))
        .where(Event.is_conflict.is_(False))
        .order_by(Event.id)
    ):
        said[event.recipient_id].append(event)
    return said


def _last_words(copy: Recipient, status: Status, said: Sequence) -> tuple[str | None, str]:
    """(cause, reply) of whoever says that status, the last of them; a decision's are the copy's
    own while it stands, and those of the last attempt when it stands again."""
    words = [each for each in said if each.status is status and (each.cause or each.reply)]
    if not words and copy.status is status:
        return copy.cause, copy.reply
    if not words and status not in (Status.QUEUED, Status.SENT, Status.DELIVERED):
        words = [each for each in said if isinstance(each, Attempt)]
    if not words:
        return None, ""
    cause = None if status is Status.DELIVERED else words[-1].cause
    return cause, words[-1].reply


def _set_facts(evidence: Mapping[int, list[Event | Attempt]]) -> None:
    """Opens, clicks, complaints, unsubscribes, delivery and contradictions, from the Events."""
    rows = []
    for recipient_id, said in sorted(evidence.items()):
        times: dict[str, list[datetime]] = defaultdict(list)
        for each in said:
            if isinstance(each, Event):
                times[each.kind].append(each.happened_at)
        statuses = {each.status for each in said}
        opened, clicked = times[ReportKind.OPENED], times[ReportKind.CLICKED]
        delivered = [
            each.happened_at
            for each in said
            if isinstance(each, Event) and each.status is Status.DELIVERED
        ]
        rows.append(
            (
                recipient_id,
                *(min(opened, default=None), len(opened)),
                *(min(clicked, default=None), len(clicked)),
                min(times[ReportKind.COMPLAINED], default=None),
                min(times[ReportKind.UNSUBSCRIBED], default=None),
                min(delivered, default=None),
                {Status.DELIVERED, Status.BOUNCED} <= statuses,
            )
        )
    update_each(db.session.connection(), Recipient.__table__, _FACTS, rows)


_FACTS = (
    *("id", "opened_at", "open_count", "clicked_at", "click_count"),
    *("complained_at", "unsubscribed_at", "delivered_at", "is_conflicting"),
)
