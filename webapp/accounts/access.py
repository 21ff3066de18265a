"""Find and allow, in one word: every route of a workspace begins with enter()."""

from typing import Any

from flask import abort, g
from flask_security.core import current_user
from sqlalchemy import Row, Select, bindparam, select
from sqlalchemy.orm import contains_eager

from webapp.accounts.models import Member, Role, Workspace
from webapp.extensions import db


def of_member(*wanted: Any) -> Select:
    """A statement that asks what is `wanted` of whoever is signed in, as a member of one workspace,
    and of that workspace. Build it once: to build and to look at one takes as long as to run it."""
    is_theirs = Member.user_id == bindparam("user_id")
    return (
        select(*wanted)
        .select_from(Member)
        .join(Member.workspace)
        .where(Workspace.slug == bindparam("slug"), is_theirs)
    )


MEMBER = of_member(Member).options(contains_eager(Member.workspace))


def enter(workspace_slug: str, at_least: Role = Role.VIEWER) -> Workspace:
    """The workspace, if the person signed in is in it with a role that suffices.

    404 to strangers, the same as for a workspace that does not exist; 403 to too small a role.
    `g.member` is set for the rest of the request.
    """
    return enter_with(MEMBER, workspace_slug, at_least)[0]


def enter_with(statement: Select, workspace_slug: str, at_least: Role, **values: object) -> tuple:
    """As enter(): the workspace, and what else `statement` asks, which is MEMBER with more columns
    and `values` for its own parameters."""
    found = look(statement, workspace_slug, **values)
    if found is None:
        abort(404)
    g.member = member = found[0]
    if not Role(member.role).includes(at_least):
        abort(403)
    return member.workspace, *found[1:]


def look(statement: Select, workspace_slug: str, **values: object) -> Row | None:
    """What `statement`, made by of_member(), finds; None to strangers."""
    asked = {"slug": workspace_slug, "user_id": current_user.id, **values}
    return db.session.execute(statement, asked).one_or_none()


def is_allowed(at_least: Role) -> bool:
    """Whether the member whose request this is has at least that role (for showing buttons)."""
    member = g.get("member")
    return member is not None and Role(member.role).includes(at_least)


def find(model, row_id: int, workspace: Workspace, *options):
    """The row of `model` with that id in `workspace`, loaded with `options`, else 404."""
    row = db.session.get(model, row_id, options=options)
    if row is None or row.workspace_id != workspace.id:
        abort(404)
    return row
