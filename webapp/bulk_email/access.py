"""Find and allow for every route of this plugin: the plugin must be on."""

from flask import abort
from sqlalchemy.orm import joinedload

from webapp.accounts import access
from webapp.accounts.models import Role, Workspace
from webapp.bulk_email.models import BulkEmail
from webapp.bulk_email.plugin import NAME
from webapp.delivery.models import Connection
from webapp.plugins import installing

_WITH = (joinedload(BulkEmail.connection), joinedload(BulkEmail.tally))


def enter(slug: str, at_least: Role = Role.VIEWER, *also: str) -> Workspace:
    """Like accounts.access.enter, and 404 while Bulk Email, or a plugin of `also`, is not in the
    workspace."""
    workspace, names = access.enter_with(slug, at_least, installing.NAMES)
    if not {NAME, *also} <= set((names or "").split()):
        abort(404)
    return workspace


def enter_email(
    slug: str, email_id: int, at_least: Role = Role.VIEWER, *also: str
) -> tuple[Workspace, BulkEmail]:
    """The workspace and one of its emails, with its Connection and Tally: every page and poll asks
    for them."""
    workspace = enter(slug, at_least, *also)
    return workspace, access.find(BulkEmail, email_id, workspace, *_WITH)


def find_connection(connection_id: int, workspace: Workspace) -> Connection:
    """One of the workspace's Connections, else 404."""
    found = access.find(Connection, connection_id, workspace)
    if found.removed_at:
        abort(404)
    return found
