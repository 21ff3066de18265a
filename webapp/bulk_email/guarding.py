"""An email of which too many bounce stops and asks: what goes on to an old list harms the sender's
name with every mailbox provider, and so all later mail."""

from sqlalchemy import update

from webapp.bulk_email import sending
from webapp.bulk_email.models import BulkEmail, PauseTopic, Stage
from webapp.delivery.models import Tally
from webapp.extensions import db
from webapp.lib import clock

LEAST_TRIED = 100
MOST_BOUNCED = 0.05


def ask_if_many_bounce(bulk_email: BulkEmail) -> bool:
    """Pause an email of whose copies more than 5 % have bounced for good, of at least 100 that
    were tried, while others are still to go out for the first time. Once: who presses Resume is
    not asked again. Whether it asks. Commits."""
    tally = db.session.get(Tally, bulk_email.id, populate_existing=True)
    if tally is None or not tally.queued or bulk_email.bounce_asked_at is not None:
        return False
    tried = tally.selected - tally.queued - tally.withheld - tally.failed
    if tried < LEAST_TRIED or tally.bounced <= MOST_BOUNCED * tried:
        return False
    asked = db.session.execute(
        update(BulkEmail)
        .where(
            BulkEmail.id == bulk_email.id,
            BulkEmail.stage == Stage.SENDING,
            BulkEmail.bounce_asked_at.is_(None),
        )
        .values(bounce_asked_at=clock.now())
        .execution_options(synchronize_session=False)
    )
    if not asked.rowcount:
        return False
    reason = _reason(tally.bounced, tried)
    return sending.pause(bulk_email, None, reason, PauseTopic.BOUNCES)


def _reason(bounced: int, tried: int) -> str:
    return (
        f"{bounced:,} of the {tried:,} copies tried so far have bounced, more than 5 %. See in"
        " Recipients who they are and why: an old list harms all that you send later. Resume sends"
        " the rest, Cancel keeps it back."
    )
