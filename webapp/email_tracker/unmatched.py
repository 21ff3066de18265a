"""The Unmatched tray: what came in and belongs to no copy that we know, and whose it may be."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, literal_column, select

from webapp.accounts.models import Workspace
from webapp.bulk_email.models import BulkEmail
from webapp.delivery import parking
from webapp.delivery.models import Arrival, ParkedReport, Recipient
from webapp.extensions import db
from webapp.lib import addresses

PAGE = 50
MOST_SUGGESTIONS = 8
SHOWN_BYTES = 20_000
LATELY = timedelta(days=90)
_IS_UNREADABLE = Arrival.stage == literal_column("'unreadable'")  # as its partial index says


@dataclass(frozen=True)
class Counts:
    """How much there is. `trying`: not given up yet, so not in the tray."""

    open: int
    settled: int
    unreadable: int
    trying: int


def count(workspace: Workspace) -> Counts:
    parked = select(
        func.count().filter(ParkedReport.unmatched_at.is_not(None), _is_open()),
        func.count().filter(ParkedReport.settled_at.is_not(None)),
        func.count().filter(ParkedReport.next_try_at.is_not(None)),
    ).where(ParkedReport.workspace_id == workspace.id)
    opened, settled, trying = db.session.execute(parked).one()
    unreadable = select(func.count()).where(Arrival.workspace_id == workspace.id, _IS_UNREADABLE)
    return Counts(opened, settled, db.session.scalar(unreadable) or 0, trying)


def page(workspace: Workspace, *, settled: bool, before: int = 0) -> Sequence[ParkedReport]:
    """Parked reports, the newest first, one more than a page holds where there are more."""
    wanted = select(ParkedReport).where(ParkedReport.workspace_id == workspace.id)
    if settled:
        wanted = wanted.where(ParkedReport.settled_at.is_not(None))
    else:
        wanted = wanted.where(ParkedReport.unmatched_at.is_not(None), _is_open())
    if before:
        wanted = wanted.where(ParkedReport.id < before)
    return db.session.scalars(wanted.order_by(ParkedReport.id.desc()).limit(PAGE + 1)).all()


def unreadable(workspace: Workspace, before: int = 0) -> Sequence[Arrival]:
    """Arrivals that nobody could read, the newest first, one more than a page where there are."""
    wanted = select(Arrival).where(Arrival.workspace_id == workspace.id, _IS_UNREADABLE)
    if before:
        wanted = wanted.where(Arrival.id < before)
    return db.session.scalars(wanted.order_by(Arrival.id.desc()).limit(PAGE + 1)).all()


def suggestions(parked: ParkedReport, address: str = "") -> list[tuple[Recipient, BulkEmail]]:
    """Copies to the address that was reported (or to `address`), the likeliest first: the last
    that had left before the report came."""
    report = parking.report_of(parked)
    written = [address] if address else [report.address or "", *report.names]
    keys = {key for each in written if (key := addresses.check(each).key)}
    came = report.happened_at or parked.arrival.received_at
    rows = db.session.execute(
        select(Recipient, BulkEmail)
        .join(BulkEmail, BulkEmail.id == Recipient.bulk_email_id)
        .where(
            Recipient.workspace_id == parked.workspace_id,
            Recipient.address_key.in_(keys),
            BulkEmail.tracked,
            *([] if address else [Recipient.created_at > came - LATELY]),
        )
        .order_by(Recipient.id.desc())
        .limit(MOST_SUGGESTIONS)
    )
    found = [(copy, email) for copy, email in rows]
    return sorted(found, key=lambda pair: not _had_left(pair[0], came))


def raw_text(arrival: Arrival) -> str:
    """What came in, for reading: the beginning of it, as text."""
    return bytes(arrival.body[:SHOWN_BYTES]).decode("utf-8", "replace").replace("\0", "�")


def _had_left(copy: Recipient, came) -> bool:
    return copy.first_tried_at is not None and copy.first_tried_at <= came


def _is_open():
    return ParkedReport.settled_at.is_(None)
