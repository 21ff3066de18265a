"""Old plots are kept by the minute: a week after its end an email's pulses are summed up."""

from collections import Counter, defaultdict
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, or_, select, update

from webapp.bulk_email.models import BulkEmail, Stage
from webapp.delivery.models import Pulse
from webapp.extensions import db
from webapp.lib import clock

AGE = timedelta(days=7)
KINDS = ("accepted", "deferred", "refused")


def thin_some(most: int = 5) -> int:
    """Sum up the pulses of some emails that ended a week ago; how many emails. Commits."""
    now = clock.now()
    email_ids = db.session.scalars(
        select(BulkEmail.id)
        .where(
            BulkEmail.stage.in_((Stage.FINISHED, Stage.CANCELLED)),
            BulkEmail.finished_at < now - AGE,
            or_(
                BulkEmail.pulses_thinned_at.is_(None),
                BulkEmail.pulses_thinned_at < BulkEmail.finished_at,
            ),
        )
        .order_by(BulkEmail.id)
        .limit(most)
    ).all()
    for email_id in email_ids:
        _thin(email_id)
        db.session.execute(
            update(BulkEmail).where(BulkEmail.id == email_id).values(pulses_thinned_at=now)
        )
        db.session.commit()
    if not email_ids:
        db.session.rollback()
    return len(email_ids)


def _thin(bulk_email_id: int) -> None:
    of_email = Pulse.bulk_email_id == bulk_email_id
    minutes: dict[tuple[datetime, str], Counter] = defaultdict(Counter)
    for pulse in db.session.execute(select(Pulse.__table__).where(of_email)):
        at = pulse.at.replace(second=0, microsecond=0)
        minutes[at, pulse.destination].update({kind: getattr(pulse, kind) for kind in KINDS})
    db.session.execute(delete(Pulse).where(of_email))
    if minutes:
        db.session.execute(
            insert(Pulse),
            [
                {"bulk_email_id": bulk_email_id, "at": at, "destination": name} | counts
                for (at, name), counts in sorted(minutes.items())
            ],
        )
