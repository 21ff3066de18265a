"""Noting for other systems what happens: one statement in the transaction in which it happens.

While no Endpoint is there nothing is written, and one look at an empty table is all it costs.
"""

from collections.abc import Collection

from sqlalchemy import bindparam, insert, literal, select

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
}
_COLUMNS = ("endpoint_id", "kind", "bulk_email_id", "recipient_id", "at")


def note_copies(kind: HappeningKind, recipient_ids: Collection[int]) -> None:
    """It happened to these copies. In the caller's transaction."""
    if not recipient_ids or not _is_anybody_told():
        return
    copies = is_among(Recipient.id, bindparam("ids", sorted(recipient_ids), Ids))
    _insert(kind, Recipient.bulk_email_id, Recipient.id, Recipient.workspace_id, copies)


def note_risen(statuses: Collection[tuple[int, Status]]) -> None:
    """(copy, the status it has risen to): those of interest are noted."""
    for kind in (HappeningKind.COPY_DELIVERED, HappeningKind.COPY_BOUNCED):
        ids = [copy for copy, status in statuses if KIND_OF_STATUS.get(status) is kind]
        note_copies(kind, ids)


def note_email(kind: HappeningKind, workspace_id: int, bulk_email_id: int) -> None:
    """It happened to this email. In the caller's transaction."""
    if _is_anybody_told():
        _insert(kind, literal(bulk_email_id), literal(None), literal(workspace_id), None)


def _is_anybody_told() -> bool:
    look = select(Endpoint.id).where(Endpoint.off_at.is_(None)).limit(1)
    return db.session.connection().execute(look).first() is not None


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
