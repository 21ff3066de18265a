"""Raw bytes are stored before anybody is thanked; what they mean is found out later."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from webapp.delivery.models import Arrival, ArrivalStage, Connection
from webapp.extensions import db
from webapp.lib import clock
from webapp.providers.contract import Keys, Provider

MAX_BYTES = 2 * 1024 * 1024
# of a stranger's request only these are kept
KEPT_HEADERS = ("content-type", "user-agent", "x-sandbox-delivery")


class Received(StrEnum):
    STORED = "stored"
    REPEATED = "repeated"
    NOT_AUTHENTIC = "not_authentic"


def find_connection(provider: Provider, hook_token: str) -> Connection | None:
    """The Connection whose hook address this is (over 128 bits: found by index, never guessed)."""
    return db.session.scalar(
        select(Connection).where(
            Connection.hook_token == hook_token, Connection.provider == provider.name
        )
    )


def receive(
    connection: Connection, provider: Provider, body: bytes, headers: Mapping[str, str]
) -> Received:
    """Store an authentic Arrival, once, and commit. Database trouble raises: say try_later."""
    now = clock.now()
    if not provider.is_authentic(body, headers, keys_of(connection, now), now):
        db.session.execute(
            update(Connection)
            .where(Connection.id == connection.id)
            .values(refused_signatures=Connection.refused_signatures + 1)
        )
        db.session.commit()
        return Received.NOT_AUTHENTIC

    stored = _insert(connection, provider, body, headers, now)
    db.session.execute(
        update(Connection).where(Connection.id == connection.id).values(last_event_at=now)
    )
    db.session.commit()
    return Received.STORED if stored else Received.REPEATED


def keys_of(connection: Connection, now: datetime) -> Keys:
    """The current key, and the one before while it is still valid."""
    until = connection.old_hook_secret_until
    is_valid = until is not None and now < until
    return Keys(connection.hook_secret, connection.old_hook_secret if is_valid else None)


def _insert(
    connection: Connection,
    provider: Provider,
    body: bytes,
    headers: Mapping[str, str],
    now: datetime,
) -> bool:
    is_postgresql = db.session.get_bind().dialect.name == "postgresql"
    make = postgresql_insert if is_postgresql else sqlite_insert
    stored = db.session.execute(
        make(Arrival)
        .on_conflict_do_nothing(index_elements=["connection_id", "dedupe_key"])
        .values(
            connection_id=connection.id,
            workspace_id=connection.workspace_id,
            provider=provider.name,
            body=body,
            headers={name: headers[name][:300] for name in KEPT_HEADERS if name in headers},
            dedupe_key=provider.dedupe_key(body, headers),
            stage=ArrivalStage.STORED,
            is_unapplied=False,
            error="",
            received_at=now,
        )
        .returning(Arrival.id)
    )
    return stored.first() is not None
