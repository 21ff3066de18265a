"""A workspace is deleted: gone for everybody at once, and its rows piece by piece after that."""

from collections.abc import Callable

from sqlalchemy import delete, select

from webapp.accounts import auditing
from webapp.accounts.models import Invitation, Member, User, Workspace
from webapp.extensions import db
from webapp.lib import clock
from webapp.plugins import catalogue, installing
from webapp.plugins.installing import Refused

# each deletes some rows of the workspace with that id: whether there were any
_purges: list[Callable[[int], bool]] = []


def add_purge(purge: Callable[[int], bool]) -> None:
    """For a room with so many rows that one statement would hold up everybody else's. The first
    to be added goes first; what is left goes with the workspace itself."""
    if purge not in _purges:
        _purges.append(purge)


def obstacle(workspace: Workspace) -> str:
    """The sentence why it cannot be deleted now, or ""."""
    on = installing.installed(workspace)
    reasons = (
        each.refuse_removal(workspace) for each in catalogue.all_plugins() if each.name in on
    )
    return next((reason for reason in reasons if reason), "")


def close(workspace: Workspace, by: User) -> None:
    """Nobody is in it any more, so nobody finds it. Raises Refused. Commits; then wake."""
    db.session.refresh(workspace, with_for_update=True)
    if reason := obstacle(workspace):
        db.session.rollback()
        raise Refused(reason)
    auditing.note("workspace.deleted", workspace=workspace, by=by, name=workspace.name)
    workspace.closed_at = clock.now()
    for model in (Member, Invitation):
        db.session.execute(delete(model).where(model.workspace_id == workspace.id))
    db.session.commit()


def are_closed() -> bool:
    """Whether anything is left of deleted workspaces."""
    return db.session.scalar(_closed().limit(1)) is not None


def purge_some() -> bool:
    """Delete a piece of a deleted workspace and commit; whether there may be more."""
    workspace_id = db.session.scalar(_closed().limit(1))
    if workspace_id is None:
        db.session.rollback()
        return False
    if not any(purge(workspace_id) for purge in _purges):
        db.session.execute(delete(Workspace).where(Workspace.id == workspace_id))
    db.session.commit()
    return True


def _closed():
    return select(Workspace.id).where(Workspace.closed_at.is_not(None)).order_by(Workspace.id)
