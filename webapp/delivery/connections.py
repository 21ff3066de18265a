"""What others may ask about the Connections of a workspace."""

from sqlalchemy import select

from webapp.accounts.models import Workspace
from webapp.delivery.models import Connection
from webapp.extensions import db


def hook_tokens(workspace: Workspace) -> set[str]:
    """The hook tokens of all its Connections, removed ones included."""
    return set(
        db.session.scalars(
            select(Connection.hook_token).where(Connection.workspace_id == workspace.id)
        )
    )
