"""Find and allow for every route of this plugin: the plugin must be on."""

from flask import abort
from sqlalchemy import Select, and_, bindparam
from sqlalchemy.orm import contains_eager, joinedload, load_only

from webapp.accounts import access
from webapp.accounts.models import Member, Role, Workspace
from webapp.bulk_email.models import BulkEmail
from webapp.bulk_email.plugin import NAME
from webapp.delivery.models import Connection
from webapp.plugins import installing

_MEMBER = access.MEMBER.add_columns(installing.NAMES)
_WITH_EMAIL = _MEMBER.add_columns(BulkEmail).outerjoin(
    BulkEmail,
    and_(BulkEmail.id == bindparam("email_id"), BulkEmail.workspace_id == Workspace.id),
)
_WHOLE = _WITH_EMAIL.options(joinedload(BulkEmail.connection), joinedload(BulkEmail.tally))
# what listing.version_of() looks at: half of a poll's time was to read all the other columns
_GLANCE = _WITH_EMAIL.options(
    load_only(Member.role),
    contains_eager(Member.workspace).load_only(Workspace.slug),
    load_only(BulkEmail.tracked, BulkEmail.stage, BulkEmail.scheduled_at, BulkEmail.connection_id),
    joinedload(BulkEmail.connection).load_only(Connection.paused_until, Connection.backup_id),
    joinedload(BulkEmail.tally),
)


def enter(slug: str, at_least: Role = Role.VIEWER, *also: str) -> Workspace:
    """Like accounts.access.enter, and 404 while Bulk Email, or a plugin of `also`, is not in the
    workspace."""
    workspace, names = access.enter_with(_MEMBER, slug, at_least)
    _expect_plugins(names, also)
    return workspace


def enter_email(
    slug: str, email_id: int, at_least: Role = Role.VIEWER, *also: str
) -> tuple[Workspace, BulkEmail]:
    """The workspace and one of its emails, with its Connection and Tally."""
    return _enter_email(_WHOLE, slug, email_id, at_least, also)


def glance(slug: str, email_id: int, *also: str) -> BulkEmail:
    """As enter_email() for reading, with no more of the email than listing.version_of() wants:
    most polls need nothing else. Who does must enter_email(), which reads the rest at once."""
    return _enter_email(_GLANCE, slug, email_id, Role.VIEWER, also)[1]


def find_connection(connection_id: int, workspace: Workspace) -> Connection:
    """One of the workspace's Connections, else 404."""
    found = access.find(Connection, connection_id, workspace)
    if found.removed_at:
        abort(404)
    return found


def _enter_email(
    statement: Select, slug: str, email_id: int, at_least: Role, also: tuple[str, ...]
) -> tuple[Workspace, BulkEmail]:
    workspace, names, email = access.enter_with(statement, slug, at_least, email_id=email_id)
    _expect_plugins(names, also)
    if email is None:
        abort(404)
    return workspace, email


def _expect_plugins(names: str | None, also: tuple[str, ...]) -> None:
    if not {NAME, *also} <= set((names or "").split()):
        abort(404)
