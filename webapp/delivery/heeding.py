"""A provider's deferred events slow a destination down, as our own relay's answers do."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select

from webapp.delivery import grouping, slowing
from webapp.delivery.models import PULSE_SECONDS, Destination, Pulse, Recipient
from webapp.extensions import db
from webapp.lib import addresses, clock
from webapp.mail import pacing, replies
from webapp.mail.causes import Cause
from webapp.mail.reports import Report, ReportKind

STALE = timedelta(minutes=10)  # an older event says nothing of the pace of now
SETTLING = timedelta(seconds=30)  # events trail behind: they still speak of the pace before
UNMEASURED = 10.0  # mails a second, where we do not know how fast we were


def heed(new: Iterable[tuple[int, Report]]) -> None:
    """What is new, with the id of the copy it speaks of. In the caller's transaction.

    Once for each destination, however many speak of it. Greylisting is no complaint here: it
    greets everybody alike, and the provider comes again by itself.
    """
    now = clock.now()
    said = {copy_id: report for copy_id, report in new if _is_complaint(report, now)}
    for (connection_id, name), copies in _by_destination(sorted(said)).items():
        words = [said[copy.id].words for copy in copies]
        reply = next((each for each in words if pacing.wait_asked(each)), words[0])
        if not _is_settling(connection_id, name, now):
            measured = _measured({copy.bulk_email_id for copy in copies}, name, now)
            slowing.complain(connection_id, name, now, reply, measured)


def _is_complaint(report: Report, now: datetime) -> bool:
    if report.kind is not ReportKind.DEFERRED or report.cause is Cause.GREYLISTED:
        return False
    if report.happened_at and now - report.happened_at > STALE:
        return False
    reply = replies.read_reply([report.words.encode()])
    return report.cause is Cause.TOO_FAST or (
        reply is not None and pacing.is_complaint(reply, report.cause)
    )


def _by_destination(copy_ids: Sequence[int]) -> dict[tuple[int, str], list[Recipient]]:
    """The copies by (connection, destination), in the order in which rows are locked."""
    copies: list[Recipient] = []
    for start in range(0, len(copy_ids), 500):
        wanted = Recipient.id.in_(copy_ids[start : start + 500])
        copies += db.session.scalars(
            select(Recipient).where(wanted, Recipient.connection_id.is_not(None))
        )
    found, _ = grouping.destinations_of(
        addresses.domain_of(copy.address_key) for copy in copies if copy.address_key
    )
    groups: dict[tuple[int, str], list[Recipient]] = {}
    for copy in copies:
        if copy.address_key and copy.connection_id:
            name = found[addresses.domain_of(copy.address_key)]
            groups.setdefault((copy.connection_id, name), []).append(copy)
    return dict(sorted(groups.items()))


def _is_settling(connection_id: int, name: str, now: datetime) -> bool:
    row = db.session.get(Destination, (connection_id, name))
    if row is None or row.complained_at is None:
        return False
    is_resting = row.paused_until is not None and row.paused_until > now
    return is_resting or now - row.complained_at < SETTLING


def _measured(bulk_email_ids: set[int], name: str, now: datetime) -> float:
    """How fast these emails went there of late, at best, in mails a second."""
    most = db.session.scalar(
        select(func.max(Pulse.accepted)).where(
            Pulse.bulk_email_id.in_(bulk_email_ids),
            Pulse.destination == name,
            Pulse.at > now - STALE,
        )
    )
    return most / PULSE_SECONDS if most else UNMEASURED
