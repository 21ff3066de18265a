"""Find and allow for every route of this plugin: the plugin must be on."""

from flask import abort
from sqlalchemy import and_, bindparam
from sqlalchemy.orm import joinedload

from webapp.accounts import access
from webapp.accounts.models import Role, Workspace
from webapp.bulk_email import listing
from webapp.bulk_email.listing import Glimpse
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.bulk_email.plugin import NAME
from webapp.delivery.models import Connection, Tally
from webapp.lib import clock
from webapp.plugins import installing

_OF_WORKSPACE = and_(BulkEmail.id == bindparam("email_id"), BulkEmail.workspace_id == Workspace.id)
_MEMBER = access.MEMBER.add_columns(installing.NAMES)
_MEMBER_AND_EMAIL = (
    _MEMBER.add_columns(BulkEmail)
    .outerjoin(BulkEmail, _OF_WORKSPACE)
    .options(joinedload(BulkEmail.connection), joinedload(BulkEmail.tally))
)
# columns in place of objects: to read all of an email was half of a poll's time
_GLANCE = (
    access.of_member(
        installing.NAMES.label("plugins"),
        *(BulkEmail.id, BulkEmail.tracked, BulkEmail.stage, BulkEmail.scheduled_at),
        Connection.paused_until,
        Tally.version,
        Tally.selected.label("selected"),
    )
    .join(BulkEmail, _OF_WORKSPACE)
    .outerjoin(Connection, Connection.id == BulkEmail.connection_id)
    .outerjoin(Tally, Tally.bulk_email_id == BulkEmail.id)
)


def enter(slug: str, at_least: Role = Role.VIEWER, *also: str) -> Workspace:
    """Like accounts.access.enter, and 404 while Bulk Email, or a plugin of `also`, is not in the
    workspace."""
    workspace, names = access.enter_with(_MEMBER, slug, at_least)
    if not _has_plugins(names, also):
        abort(404)
    return workspace


def enter_email(
    slug: str, email_id: int, at_least: Role = Role.VIEWER, *also: str
) -> tuple[Workspace, BulkEmail]:
    """The workspace and one of its emails, with its Connection and Tally."""
    workspace, names, email = access.enter_with(
        _MEMBER_AND_EMAIL, slug, at_least, email_id=email_id
    )
    if email is None or not _has_plugins(names, also):
        abort(404)
    return workspace, email


def glance(slug: str, email_id: int, *also: str) -> Glimpse | None:
    """What a poll must see of an email: most find nothing new in it. None where enter_email(), for
    reading, would refuse: let it say so."""
    row = access.look(_GLANCE, slug, email_id=email_id)
    if row is None or not _has_plugins(row.plugins, also):
        return None
    is_resting = row.paused_until is not None and row.paused_until > clock.now()
    if row.stage == Stage.SENDING or is_resting:  # then it depends on more than is in this row
        _, email = enter_email(slug, email_id, Role.VIEWER, *also)
        return listing.glimpse_of(email, email.tally)
    version = listing.still_version(row, row.version or 0, row.paused_until)
    return Glimpse(row.id, row.tracked, version, row.version or 0, row.selected or 0)


def find_connection(connection_id: int, workspace: Workspace) -> Connection:
    """One of the workspace's Connections, else 404."""
    found = access.find(Connection, connection_id, workspace)
    if found.removed_at:
        abort(404)
    return found


def _has_plugins(names: str | None, also: tuple[str, ...]) -> bool:
    """Whether Bulk Email and `also` are among `names`, as installing.NAMES says them."""
    return {NAME, *also} <= set((names or "").split())
