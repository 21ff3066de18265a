"""Sending at a time to come: said in a time zone, kept, and never made good late without asking."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import structlog
from sqlalchemy import Row, select

from webapp.accounts.models import User, Workspace
from webapp.bulk_email import composing, freezing, sending
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.columns import database_now
from webapp.extensions import db
from webapp.lib import clock

log = structlog.get_logger()

MISSED_AFTER = timedelta(hours=1)  # later than that a person is asked first
FARTHEST = timedelta(days=366)


class MomentError(ValueError):
    """No moment to come; the message is one sentence for the person."""


def moment(day: str, at: str, zone: str) -> datetime:
    """The moment of an HTML date field, a time field and an IANA zone, in UTC.

    A time that comes twice (clocks put back) is the first of the two. Raises MomentError, also for
    a time that the clocks jump over.
    """
    try:
        naive = datetime.combine(date.fromisoformat(day), time.fromisoformat(at))
    except ValueError:
        raise MomentError("Choose a date and a time.") from None
    if zone not in available_timezones() or naive.tzinfo:
        raise MomentError("Choose a time zone from the list.")
    try:
        found = naive.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    except OverflowError:
        raise MomentError("Choose a time within a year.") from None
    local = found.astimezone(ZoneInfo(zone))
    if local.replace(tzinfo=None) != naive:
        raise MomentError(
            f"The clocks in {zone} jump over {naive:%H:%M} that night. Choose another time, like"
            f" {local:%H:%M}."
        )
    if found <= clock.now():
        raise MomentError("That is over already. Choose a time to come.")
    if found > clock.now() + FARTHEST:
        raise MomentError("Choose a time within a year.")
    return found


def schedule(
    bulk_email: BulkEmail, *, at: datetime, zone: str, by: User, try_for: timedelta | None = None
) -> bool:
    """Send at a time to come, or at another than was said; until then it can be taken back.

    `try_for` is the time from then to the deadline; a rescheduled email keeps its own. Commits.
    Raises mail.merging.MergeError for what could not be compiled at night.
    """
    freezing.freeze(bulk_email)
    action = "email.rescheduled" if bulk_email.stage == Stage.SCHEDULED else "email.scheduled"
    return sending.move(
        bulk_email,
        (Stage.DRAFT, Stage.SCHEDULED),
        Stage.SCHEDULED,
        values={
            "scheduled_at": at,
            "schedule_zone": zone,
            "deadline": at + (try_for or sending.tries_for(bulk_email)),
            "started_by_id": by.id,
            "pause_reason": "",
        },
        note=sending.Note(action, by, {"at": in_zone(at, zone)}),
    )


def unschedule(bulk_email: BulkEmail, by: User) -> bool:
    """Back to a draft. Commits."""
    return sending.move(
        bulk_email,
        (Stage.SCHEDULED,),
        Stage.DRAFT,
        values={"scheduled_at": None, "deadline": None},
        note=sending.Note("email.unscheduled", by),
    )


def is_missed(bulk_email: BulkEmail | Row) -> bool:
    """Whether its time is over by so much that a person must say what becomes of it."""
    at = bulk_email.scheduled_at
    return bulk_email.stage == Stage.SCHEDULED and at is not None and at < _latest()


def missed(workspace: Workspace) -> Sequence[BulkEmail]:
    """The emails of a workspace that wait for that."""
    return db.session.scalars(
        select(BulkEmail)
        .where(
            BulkEmail.workspace_id == workspace.id,
            BulkEmail.stage == Stage.SCHEDULED,
            BulkEmail.scheduled_at < _latest(),
        )
        .order_by(BulkEmail.scheduled_at)
    ).all()


def start_due(is_tracked: Callable[[Workspace], bool]) -> list[int]:
    """Start every scheduled email whose time has come and not long gone; the ids of those that
    did. What cannot go out becomes a draft again that says why. Commits."""
    ids = db.session.scalars(
        select(BulkEmail.id).where(
            BulkEmail.stage == Stage.SCHEDULED,
            BulkEmail.scheduled_at <= database_now(),
            BulkEmail.scheduled_at >= database_now(-MISSED_AFTER.total_seconds()),
        )
    ).all()
    return [email_id for email_id in ids if _start_one(email_id, is_tracked)]


def _start_one(email_id: int, is_tracked: Callable[[Workspace], bool]) -> bool:
    bulk_email = db.session.get_one(BulkEmail, email_id)
    at = bulk_email.scheduled_at
    try:
        problem = next(iter(composing.problems(bulk_email).values()), "")
        if not problem:
            nonce = f"schedule-{email_id}-{at.timestamp():.0f}"
            tracked = is_tracked(bulk_email.workspace)
            return sending.start(bulk_email, nonce=nonce, by=None, tracked=tracked)
    except ValueError as error:  # MergeError, FilterError
        db.session.rollback()
        problem = str(error)
    log.warning("schedule_not_kept", email=email_id, reason=problem)
    return not _give_back(bulk_email, problem)


def _give_back(bulk_email: BulkEmail, problem: str) -> bool:
    when = in_zone(bulk_email.scheduled_at, bulk_email.schedule_zone)
    return sending.move(
        bulk_email,
        (Stage.SCHEDULED,),
        Stage.DRAFT,
        values={
            "scheduled_at": None,
            "deadline": None,
            "pause_reason": f"It was to go out {when} and could not: {problem}"[:500],
        },
        note=sending.Note("email.not_started", None, {"reason": problem}),
    )


def in_zone(at: datetime, zone: str) -> str:
    """A moment as people say it, its zone named: "Fri 4 Dec 2026, 08:00 (Europe/Berlin)"."""
    return f"{at.astimezone(ZoneInfo(zone)):%a %-d %b %Y, %H:%M} ({zone})"


def _latest() -> datetime:
    return clock.now() - MISSED_AFTER
