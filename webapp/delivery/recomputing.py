"""Status, computed anew from the rows: the proof of the fast way, and the mend after a replay."""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import select

from webapp.delivery import raising
from webapp.delivery.models import Attempt, Event, Recipient
from webapp.delivery.statuses import Status, Tried, status_of
from webapp.extensions import db


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
    """Set the statuses that differ from what the rows say, Tally with them; how many did.
    In the caller's transaction."""
    found = computed(recipient_ids)
    rows = db.session.execute(
        select(Recipient.id, Recipient.status, Recipient.cause, Recipient.reply).where(
            Recipient.id.in_(recipient_ids)
        )
    )
    wrong = {
        row.id: (found[row.id], row.cause, row.reply) for row in rows if row.status != found[row.id]
    }
    raising.set_statuses(wrong)
    return len(wrong)
