"""Switching plugins on and off in a workspace."""

from sqlalchemy import select

from webapp.accounts.models import Workspace
from webapp.extensions import db
from webapp.plugins.models import Installation


def installed(workspace: Workspace) -> set[str]:
    """The names of the plugins that are on in `workspace`."""
    rows = db.session.scalars(
        select(Installation.plugin).where(
            Installation.workspace_id == workspace.id, Installation.removed_at.is_(None)
        )
    )
    return set(rows)
