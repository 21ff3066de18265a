"""Noting for other systems what happens: one statement in the transaction in which it happens.

While no Endpoint is there nothing is written, and one look at an empty table is all it costs.
"""

from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import and_, bindparam, insert, literal, select

from webapp.columns import Ids, UtcDateTime, is_among
from webapp.delivery.models import Recipient
from webapp.delivery.models_endpoints import Endpoint, Happening, HappeningKind
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.lib import clock

KIND_OF_STATUS: dict[Status, HappeningKind] = {
    Status.DELIVERED: HappeningKind.COPY_DELIVERED,
    Status.BOUNCED: HappeningKind.COPY_BOUNCED,
    Status.BOUNCED_SOFT: HappeningKind.COPY_BOUNCED,
    Status.RETRYING: HappeningKind.COPY_DEFERRED,
    Status.DEFERRED: HappeningKind.COPY_DEFERRED,
    Status.WITHHELD: HappeningKind.COPY_DROPPED,
    Status.DROPPED: HappeningKind.COPY_DROPPED,
    Status.FAILED: HappeningKind.COPY_FAILED,
}
_LOOK = select(Endpoint.id).where(Endpoint.off_at.is_(None)).limit(1)  # runs for every few copies
_COLUMNS = ("endpoint_id", "kind", "bulk_email_id", "recipient_id", "at")


def note_copies(kind: HappeningKind, recipient_ids: Collection[int]) -> None:
    """It happened to these copies. In the caller's transaction."""
    if recipient_ids and _is_anybody_told():
        _note_copies(kind, recipient_ids)


def note_risen(statuses: Collection[tuple[int, Status]]) -> None:
    """(copy, the status it has risen to): those of interest are noted."""
    found: dict[HappeningKind, list[int]] = defaultdict(list)
    for copy, status in statuses:
        if kind := KIND_OF_STATUS.get(status):
            found[kind].append(copy)
    if found and _is_anybody_told():
        for kind in sorted(found, key=list(HappeningKind).index):
            _note_copies(kind, found[kind])


def note_frozen(bulk_email_id: int, begin: int, end: int, statuses: Collection[Status]) -> None:
    """The copies of an email for records above `begin` and up to `end` began with these statuses:
    some are not sent from the start."""
    found = [status for status in sorted(statuses) if status in KIND_OF_STATUS]
    if not found or not _is_anybody_told():
        return
    for status in found:
        which = and_(
            Recipient.bulk_email_id == bulk_email_id,
            Recipient.record_id > begin,
            Recipient.record_id <= end,
            Recipient.status == status,
        )
        columns = Recipient.bulk_email_id, Recipient.id, Recipient.workspace_id
        _insert(KIND_OF_STATUS[status], *columns, which)


def _note_copies(kind: HappeningKind, recipient_ids: Collection[int]) -> None:
    copies = is_among(Recipient.id, bindparam("ids", sorted(recipient_ids), Ids))
    _insert(kind, Recipient.bulk_email_id, Recipient.id, Recipient.workspace_id, copies)


def note_email(kind: HappeningKind, workspace_id: int, bulk_email_id: int) -> None:
    """It happened to this email. In the caller's transaction."""
    if _is_anybody_told():
        _insert(kind, literal(bulk_email_id), literal(None), literal(workspace_id), None)


def _is_anybody_told() -> bool:
    return db.session.connection().execute(_LOOK).first() is not None


def _insert(kind: HappeningKind, bulk_email_id, recipient_id, workspace_id, which) -> None:
    now = literal(clock.now(), UtcDateTime())
    told = select(Endpoint.id, literal(kind.value), bulk_email_id, recipient_id, now).where(
        Endpoint.workspace_id == workspace_id,
        Endpoint.off_at.is_(None),
        Endpoint.kinds.contains(f" {kind} "),
    )
    if which is not None:
        told = told.where(which).order_by(Recipient.id)
    db.session.connection().execute(insert(Happening.__table__).from_select(_COLUMNS, told))
