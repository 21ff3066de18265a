"""A Connection that cannot be used rests, longer each time; no copy is tried meanwhile."""

from datetime import datetime, timedelta

from sqlalchemy import bindparam, update

from webapp.delivery.models import Connection
from webapp.extensions import db
from webapp.lib import clock

PAUSES_SECONDS = (10, 30, 60, 120, 300, 600)
_table = Connection.__table__
_NOTE_SUCCESS = (  # built once, as it runs for every few copies
    update(_table)
    .where(_table.c.id == bindparam("connection"), _table.c.connect_failures > 0)
    .values(connect_failures=0, paused_until=None, pause_reason="")
)


def rest(connection_id: int, why: str) -> None:
    """Nobody let us in. In the caller's transaction."""
    connection = db.session.get(Connection, connection_id, with_for_update=True)
    seconds = PAUSES_SECONDS[min(connection.connect_failures, len(PAUSES_SECONDS) - 1)]
    connection.connect_failures += 1
    connection.paused_until = clock.now() + timedelta(seconds=seconds)
    connection.pause_reason = why[:500]


def usable(connection: Connection, now: datetime) -> Connection:
    """It, or its backup while it rests and the backup does not."""
    backup = connection.backup
    if not connection.is_resting(now) or backup is None or backup.removed_at is not None:
        return connection
    return connection if backup.is_resting(now) else backup


def note_success(connection_id: int) -> None:
    """They let us in again. In the caller's transaction."""
    db.session.connection().execute(_NOTE_SUCCESS, {"connection": connection_id})
