"""A Connection that cannot be used rests, longer each time; no copy is tried meanwhile."""

from datetime import datetime, timedelta

from sqlalchemy import update

from webapp.delivery.models import Connection
from webapp.extensions import db
from webapp.lib import clock

PAUSES_SECONDS = (10, 30, 60, 120, 300, 600)


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
    db.session.execute(
        update(Connection)
        .where(Connection.id == connection_id, Connection.connect_failures > 0)
        .values(connect_failures=0, paused_until=None, pause_reason="")
        .execution_options(synchronize_session=False)
    )
