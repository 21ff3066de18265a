"""Some providers report only after an address of theirs was visited (SNS subscriptions)."""

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import or_, select

from webapp.delivery.models import Connection
from webapp.email_tracker import fetching
from webapp.extensions import db
from webapp.lib import clock

AGAIN_AFTER = timedelta(minutes=5)


def due() -> list[int]:
    """Connections with an address to visit, not tried within the last minutes."""
    tried = Connection.confirm_tried_at
    return list(
        db.session.scalars(
            select(Connection.id).where(
                Connection.confirm_url.is_not(None),
                or_(tried.is_(None), tried < clock.now() - AGAIN_AFTER),
            )
        )
    )


def confirm(connection_id: int, visit: Callable[[str], bytes] = fetching.get) -> None:
    """Visit the address, without holding a transaction meanwhile; trouble is noted, and the clock
    tries again. Commits."""
    url = _url(connection_id)
    if url is None:
        return
    try:
        visit(url)
    except OSError as error:
        trouble = str(error)[:300] or type(error).__name__
    else:
        trouble = ""
    connection = db.session.get_one(Connection, connection_id)
    if connection.confirm_url != url:  # another one came meanwhile
        db.session.rollback()
        return
    connection.confirm_error = trouble
    connection.confirm_tried_at = clock.now()
    if not trouble:
        connection.confirm_url, connection.confirmed_at = None, clock.now()
    db.session.commit()


def _url(connection_id: int) -> str | None:
    url = db.session.scalar(select(Connection.confirm_url).where(Connection.id == connection_id))
    db.session.rollback()
    return url
