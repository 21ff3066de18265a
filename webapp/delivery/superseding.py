"""Events that no longer count: what they did is undone, as if they had never been said."""

from collections.abc import Iterable, Sequence

from sqlalchemy import and_, or_, select, update

from webapp.delivery import suppressing
from webapp.delivery.models import Event, Recipient, Suppression
from webapp.delivery.recording import OF_TOPIC
from webapp.extensions import db
from webapp.lib import clock
from webapp.mail.causes import Cause
from webapp.mail.reports import ReportKind

# delivery.recording.suppressing_cause, as SQL
_SUPPRESSES = or_(
    Event.kind.in_((ReportKind.COMPLAINED, ReportKind.UNSUBSCRIBED)),
    and_(
        Event.kind == ReportKind.BOUNCED,
        Event.cause.in_((Cause.MAILBOX_MISSING, Cause.DOMAIN_MISSING)),
    ),
)


def supersede(event_ids: Sequence[int]) -> list[int]:
    """Take events out of the count and give their keys up. The copies they speak of, to be
    recomputed when all is said. In the caller's transaction."""
    return list(
        db.session.scalars(
            update(Event)
            .where(Event.id.in_(event_ids), Event.superseded_at.is_(None))
            .values(superseded_at=clock.now(), key=None)
            .returning(Event.recipient_id)
            .execution_options(synchronize_session=False)
        )
    )


def lift_what_they_caused(event_ids: Iterable[int], reason: str) -> int:
    """Lift the suppressions whose event is superseded, but those that another event proves: they
    stay, and name that one. How many were lifted. In the caller's transaction."""
    caused = db.session.scalars(
        select(Suppression).where(
            Suppression.event_id.in_(list(event_ids)), Suppression.lifted_at.is_(None)
        )
    ).all()
    lifted = 0
    for suppression in caused:
        if other := _other_proof(suppression):
            suppression.event_id = other
        else:
            lifted += suppressing.lift(suppression, None, reason)
    db.session.flush()
    return lifted


def _other_proof(suppression: Suppression) -> int | None:
    return db.session.scalar(
        select(Event.id)
        .join(Recipient, Recipient.id == Event.recipient_id)
        .where(
            Recipient.workspace_id == suppression.workspace_id,
            Recipient.address_key == suppression.address_key,
            Event.superseded_at.is_(None),
            Event.is_conflict.is_(False),
            Event.native != OF_TOPIC,
            _SUPPRESSES,
        )
        .order_by(Event.id.desc())
        .limit(1)
    )
