"""An import of addresses undone: who is on the list because of that file alone gets mail again.

Who bounced, complained or unsubscribed since, was put there by hand or by another file, stays.
Chunk by chunk, each a commit of its own, by the worker that brings files in
(importing_addresses.run).
"""

from collections.abc import Sequence

from sqlalchemy import delete, func, or_, select, update

from webapp.accounts import auditing
from webapp.accounts.models import User, Workspace
from webapp.bulk_email.models_lists import AddressImport, OtherReason
from webapp.delivery.models import Suppression
from webapp.extensions import db
from webapp.forms import claiming
from webapp.forms.models import TransferStage
from webapp.lib import clock, stopping

CHUNK = 1000
_TAKEN_OVER = (
    *("import_id", "group_id", "cause", "reason", "event_id", "created_by_id", "created_at"),
    "expires_at",
)


def undo(kept: AddressImport, by: User, reason: str) -> bool:
    """Begin; False where it runs, or somebody else was first. Commits; then run, or wake for it."""
    total = active(kept)
    begun = db.session.execute(
        update(AddressImport)
        .where(
            AddressImport.id == kept.id,
            AddressImport.stage != TransferStage.RUNNING,
            AddressImport.is_undone.is_(False),
        )
        .values(
            is_undone=True, undone_by_id=by.id, undone_reason=reason[:300], undone_at=clock.now(),
            undo_total=total, stage=TransferStage.RUNNING, error="", tries=0, lease_until=None,
        )
        .execution_options(synchronize_session=False)
    )  # fmt: skip
    if not begun.rowcount:
        db.session.rollback()
        return False
    db.session.execute(delete(OtherReason).where(OtherReason.import_id == kept.id))
    auditing.note(
        "addresses.import_undone", workspace=db.session.get(Workspace, kept.workspace_id), by=by,
        name=kept.file_name, addresses=total, reason=reason,
    )  # fmt: skip
    db.session.commit()
    return True


def try_again(kept: AddressImport) -> None:
    """Go on with one that was given up, where it stopped. Commits; then wake."""
    kept.stage, kept.tries, kept.lease_until, kept.error = TransferStage.RUNNING, 0, None, ""
    db.session.commit()


def active(kept: AddressImport) -> int:
    """How many are on the list because of this file alone."""
    return db.session.scalar(select(func.count()).where(*_active(kept.id))) or 0


def shared(kept: AddressImport) -> int:
    """How many others it names that are on the list by another file, and stay by this one when that
    is undone."""
    found = select(func.count()).where(OtherReason.import_id == kept.id)
    return db.session.scalar(found) or 0


def go_on(import_id: int, fence: int) -> None:
    """Lift until nothing is left. Commits. Raises claiming.Lost."""
    while _lift_some(import_id, fence):
        if stopping.is_asked():
            claiming.keep(AddressImport, import_id, fence, lease_until=None)
            db.session.commit()
            return
    claiming.keep(AddressImport, import_id, fence, stage=TransferStage.FINISHED)
    db.session.commit()


def _lift_some(import_id: int, fence: int) -> bool:
    """One chunk; whether there was one. Commits."""
    found = select(Suppression).where(*_active(import_id)).order_by(Suppression.address_key)
    rows = db.session.scalars(found.limit(CHUNK).with_for_update()).all()
    if not rows:
        db.session.rollback()
        return False
    others = _others([row.id for row in rows])
    for row in rows:
        if other := others.get(row.id):
            for name in _TAKEN_OVER:
                setattr(row, name, getattr(other, name))
            db.session.delete(other)
    ids = [row.id for row in rows if row.id not in others]
    kept = db.session.get_one(AddressImport, import_id)
    lifted = db.session.execute(
        update(Suppression)
        .where(Suppression.id.in_(ids), *_active(import_id))
        .values(
            lifted_at=clock.now(),
            lifted_by_id=kept.undone_by_id,
            lifted_reason=kept.undone_reason,
        )
        .execution_options(synchronize_session=False)
    ).rowcount
    claiming.keep(
        AddressImport, import_id, fence,
        undo_done=AddressImport.undo_done + len(rows), lifted=AddressImport.lifted + lifted,
    )  # fmt: skip
    db.session.commit()
    return True


def _others(ids: Sequence[int]) -> dict[int, OtherReason]:
    """For each suppression the reason that lasts longest of those that would keep it."""
    lasting = or_(OtherReason.expires_at.is_(None), OtherReason.expires_at > clock.now())
    rows = db.session.scalars(
        select(OtherReason)
        .where(OtherReason.suppression_id.in_(ids), lasting)
        .order_by(OtherReason.expires_at.is_(None), OtherReason.expires_at, OtherReason.id.desc())
    )
    return {row.suppression_id: row for row in rows}


def _active(import_id: int) -> tuple:
    return Suppression.import_id == import_id, Suppression.lifted_at.is_(None)
