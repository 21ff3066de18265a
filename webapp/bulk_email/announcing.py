"""Telling the sender that an email has finished, has its last word, has stopped or was cancelled.

The clock finds from the database what is to be told, and the commit that tells it also notes that
it is told: whatever dies in between, everything is told once.
"""

from datetime import timedelta

from sqlalchemy import and_, or_, select

from webapp.accounts import auditing, telling
from webapp.accounts.models import User
from webapp.accounts.models_telling import TidingKind
from webapp.accounts.telling import Means, News
from webapp.bulk_email import announcement, listing
from webapp.bulk_email.models import BulkEmail, PauseTopic, Stage
from webapp.delivery import failing, passing_on
from webapp.delivery.models import Connection, Tally
from webapp.delivery.models_endpoints import HappeningKind
from webapp.delivery.tallying import LAST_WORD_AFTER, books
from webapp.extensions import db
from webapp.lib import clock

# a small email is settled by then, and its sender gets one mail instead of two
PATIENCE = timedelta(minutes=1)


def due() -> list[int]:
    """Emails of which something may have to be told: a few rows of a partial index."""
    now = clock.now()
    may_be_settled = or_(
        Tally.sent + Tally.deferred == 0,
        Tally.changed_at < now - LAST_WORD_AFTER,
        BulkEmail.tracked.is_(False),
        Connection.id.is_(None),
        Connection.provider == "smtp",
    )
    is_over = and_(
        BulkEmail.stage == Stage.FINISHED,
        or_(
            and_(BulkEmail.told_finished_at.is_(None), BulkEmail.finished_at < now - PATIENCE),
            may_be_settled,
        ),
    )
    has_stopped = and_(
        BulkEmail.stage == Stage.PAUSED,
        BulkEmail.pause_reason != "",
        BulkEmail.told_stopped_at.is_(None),
    )
    is_cancelled = and_(
        BulkEmail.stage == Stage.CANCELLED,
        or_(Tally.bulk_email_id.is_(None), Tally.queued + Tally.retrying == 0),
    )
    return list(
        db.session.scalars(
            select(BulkEmail.id)
            .outerjoin(Tally, Tally.bulk_email_id == BulkEmail.id)
            .outerjoin(Connection, Connection.id == BulkEmail.connection_id)
            .where(BulkEmail.told_settled_at.is_(None), or_(is_over, has_stopped, is_cancelled))
        )
    )


def announce(bulk_email_id: int, means: Means) -> list[int]:
    """Tell what there is to tell of an email, once; the Letters to be posted. Commits."""
    bulk_email = db.session.get(BulkEmail, bulk_email_id, with_for_update=True)
    found = _news(bulk_email, means.base_url) if bulk_email else None
    if bulk_email is None or found is None:
        db.session.rollback()
        return []
    letters = telling.tell(bulk_email.workspace, _people(bulk_email), found, means)
    db.session.commit()
    return letters


def _news(bulk_email: BulkEmail, base_url: str) -> News | None:
    """What is to be told now; noted on the email as told."""
    now = clock.now()
    if bulk_email.stage == Stage.PAUSED:
        if not bulk_email.pause_reason or bulk_email.told_stopped_at:
            return None
        bulk_email.told_stopped_at = now
        _pass_on(bulk_email, HappeningKind.EMAIL_STOPPED)
        return announcement.of_stop(bulk_email)
    if bulk_email.stage == Stage.CANCELLED:
        return _news_of_cancel(bulk_email, base_url)
    if bulk_email.stage != Stage.FINISHED:
        return None
    tally = db.session.get(Tally, bulk_email.id)
    is_settled = listing.is_settled(bulk_email, tally)
    kind = TidingKind.SETTLED if bulk_email.told_finished_at else TidingKind.FINISHED
    is_patient = bulk_email.finished_at and bulk_email.finished_at > now - PATIENCE
    if not is_settled and (kind is TidingKind.SETTLED or is_patient):
        return None
    if kind is TidingKind.FINISHED:
        _pass_on(bulk_email, HappeningKind.EMAIL_FINISHED)
    if is_settled:
        _pass_on(bulk_email, HappeningKind.EMAIL_SETTLED)
    bulk_email.told_finished_at = bulk_email.told_finished_at or now
    bulk_email.told_settled_at = now if is_settled else None
    failures = failing.failures(bulk_email.id) if bulk_email.tracked else []
    return announcement.of_end(
        bulk_email, kind, books(tally), failures, is_settled=is_settled, base_url=base_url
    )


def _news_of_cancel(bulk_email: BulkEmail, base_url: str) -> News | None:
    """Once nothing of it is on the wire any more, and all the rest is withheld."""
    tally = db.session.get(Tally, bulk_email.id)
    if bulk_email.told_settled_at or (tally and tally.queued + tally.retrying):
        return None
    bulk_email.told_settled_at = clock.now()
    _pass_on(bulk_email, HappeningKind.EMAIL_CANCELLED)
    failures = failing.failures(bulk_email.id) if bulk_email.tracked else []
    by = auditing.latest_by("email.cancelled", bulk_email)
    return announcement.of_cancel(bulk_email, books(tally), failures, by=by, base_url=base_url)


def _pass_on(bulk_email: BulkEmail, kind: HappeningKind) -> None:
    passing_on.note_email(kind, bulk_email.workspace_id, bulk_email.id)


def _people(bulk_email: BulkEmail) -> list[User]:
    """The sender; those who can mend a connection, where that stopped it or no sender is left."""
    senders = telling.members(
        bulk_email.workspace, [bulk_email.started_by_id or bulk_email.created_by_id]
    )
    is_theirs = bulk_email.stage == Stage.PAUSED and bulk_email.pause_topic == PauseTopic.CONNECTION
    if senders and not is_theirs:
        return senders
    known = {person.id for person in senders}
    admins = telling.admins(bulk_email.workspace)
    return senders + [person for person in admins if person.id not in known]
