"""Switching plugins on and off in a workspace. Twice, or twice at once, is once."""

from collections.abc import Collection

from sqlalchemy import func, select, update

from webapp.accounts import auditing
from webapp.accounts.models import User, Workspace
from webapp.extensions import db
from webapp.lib import clock
from webapp.plugins import catalogue
from webapp.plugins.catalogue import Plugin
from webapp.plugins.models import Installation
from webapp.rows import insert_into


class Refused(Exception):
    """It cannot be installed or removed now; the text says why."""


# the names of the plugins that are on, as one text, for a statement that finds the workspace too
NAMES = (
    select(func.aggregate_strings(Installation.plugin, " "))
    .where(Installation.workspace_id == Workspace.id, Installation.removed_at.is_(None))
    .correlate(Workspace)
    .scalar_subquery()
)


def installed(workspace: Workspace) -> set[str]:
    """The names of the plugins that are on in `workspace`."""
    rows = db.session.scalars(
        select(Installation.plugin).where(
            Installation.workspace_id == workspace.id, Installation.removed_at.is_(None)
        )
    )
    return set(rows)


def with_plugin(name: str, workspace_ids: Collection[int]) -> set[int]:
    """Those of the workspaces in which that plugin is on."""
    rows = db.session.scalars(
        select(Installation.workspace_id).where(
            Installation.plugin == name,
            Installation.workspace_id.in_(workspace_ids),
            Installation.removed_at.is_(None),
        )
    )
    return set(rows)


def missing(workspace: Workspace, plugin: Plugin) -> list[Plugin]:
    """What must be installed before `plugin`."""
    on = installed(workspace)
    return [found for name in plugin.requires if name not in on and (found := catalogue.find(name))]


def install(workspace: Workspace, plugin: Plugin, by: User) -> bool:
    """Switch `plugin` on; False when it was on already. Raises Refused. Commits."""
    if first := missing(workspace, plugin):
        raise Refused(f"{plugin.title} requires {first[0].title}. Add that first.")
    if not _switch_on(workspace, plugin, by):
        db.session.rollback()
        return False
    plugin.on_install(workspace, by)
    auditing.note("plugin.installed", workspace=workspace, by=by, name=plugin.title)
    db.session.commit()
    return True


def uninstall(workspace: Workspace, plugin: Plugin, by: User) -> bool:
    """Switch `plugin` off; False when it was off already. Raises Refused. Commits."""
    on = installed(workspace)
    users = [other.title for other in catalogue.needed_by(plugin.name) if other.name in on]
    if users:
        raise Refused(f"{users[0]} works with {plugin.title}. Remove {users[0]} first.")
    if reason := plugin.refuse_removal(workspace):
        raise Refused(reason)
    done = db.session.execute(
        update(Installation)
        .where(
            Installation.workspace_id == workspace.id,
            Installation.plugin == plugin.name,
            Installation.removed_at.is_(None),
        )
        .values(removed_at=clock.now())
    )
    if done.rowcount == 0:
        db.session.rollback()
        return False
    plugin.on_remove(workspace, by)
    auditing.note("plugin.removed", workspace=workspace, by=by, name=plugin.title)
    db.session.commit()
    return True


def _switch_on(workspace: Workspace, plugin: Plugin, by: User) -> bool:
    """The unique constraint decides between two at once: the row is made, or taken back on."""
    values = {"installed_by_id": by.id, "installed_at": clock.now(), "removed_at": None}
    row = db.session.execute(
        insert_into(Installation)
        .values(workspace_id=workspace.id, plugin=plugin.name, **values)
        .on_conflict_do_update(
            index_elements=["workspace_id", "plugin"],
            set_=values,
            where=Installation.removed_at.is_not(None),
        )
        .returning(Installation.id)
    ).first()
    return row is not None
