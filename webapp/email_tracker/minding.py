"""Minding hooks: admins are told when a provider falls silent, or its signatures are refused.

Each Connection is looked at every ten minutes. It is told once, and again only after the provider
has been heard meanwhile, at most once a day.
"""

from datetime import datetime, timedelta

from sqlalchemy import or_, select

from webapp.accounts import telling
from webapp.accounts.models import Workspace
from webapp.accounts.models_telling import TidingKind
from webapp.accounts.telling import Means, News
from webapp.bulk_email import connection_health
from webapp.delivery.models import Connection
from webapp.extensions import db
from webapp.lib import clock
from webapp.plugins import installing

PLUGIN = "email_tracker"
LOOK_EVERY = timedelta(minutes=10)
LOOK_BACK = timedelta(days=3)  # emails that began earlier are no sign of how it does now
LEAST_SILENT, LEAST_REFUSED = 10, 3
TELL_AGAIN_AFTER = timedelta(days=1)


def due() -> list[int]:
    """Connections to be looked at now: their providers report."""
    looked = Connection.looked_at
    return list(
        db.session.scalars(
            select(Connection.id).where(
                Connection.removed_at.is_(None),
                Connection.provider != "smtp",
                or_(looked.is_(None), looked < clock.now() - LOOK_EVERY),
            )
        )
    )


def look(connection_id: int, means: Means) -> list[int]:
    """Tell admins what is wrong with a Connection's hook, if that is news; Letters. Commits."""
    now = clock.now()
    connection = db.session.get(Connection, connection_id, with_for_update={"key_share": True})
    if connection is None or connection.removed_at:
        db.session.rollback()
        return []
    connection.looked_at = now
    workspace = db.session.get_one(Workspace, connection.workspace_id)
    letters: list[int] = []
    if _may_tell(connection, now) and PLUGIN in installing.installed(workspace):
        trouble = _trouble(connection, now)
        if trouble:
            connection.trouble_told_at = now
            found = _news(workspace, connection, trouble)
            letters = telling.tell(workspace, telling.admins(workspace), found, means)
    db.session.commit()
    return letters


def _may_tell(connection: Connection, now: datetime) -> bool:
    told, heard = connection.trouble_told_at, connection.last_event_at
    if told is None:
        return True
    return bool(heard and heard > told) and now - told > TELL_AGAIN_AFTER


def _trouble(connection: Connection, now: datetime) -> str:
    """What is wrong, in a sentence or two; "" for nothing."""
    refused, heard = connection.last_refused_at, connection.last_event_at
    number = connection.refused_signatures
    if number >= LEAST_REFUSED and refused and (heard is None or refused > heard):
        return (
            f"{number:,} posts to its hook were refused, because their signatures do not fit the"
            " key. Compare the key with the one at the provider."
        )
    if heard and now - heard < connection_health.PATIENCE:
        return ""
    silent = connection_health.silent_copies(connection, now, since=now - LOOK_BACK)
    if silent < LEAST_SILENT:
        return ""
    return (
        f"{silent:,} copies were handed over, and nothing has been reported of them. They stay at"
        " Sent until the provider's hook works: look whether it is set up, and switched on."
    )


def _news(workspace: Workspace, connection: Connection, trouble: str) -> News:
    return News(
        TidingKind.CONNECTION,
        f"No word from the provider of {connection.name}",
        trouble,
        f"/w/{workspace.slug}/connections/{connection.id}",
        f"Something is wrong with the way back of the connection {connection.name}.\n\n{trouble}",
    )
