"""Raw bytes are stored before anybody is thanked; what they mean is found out later."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache

from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.sql.dml import Insert

from webapp.delivery.models import Arrival, ArrivalStage, Connection
from webapp.email_tracker import fetching
from webapp.extensions import begin_to_write, db
from webapp.lib import clock
from webapp.mail.replies import clean_text
from webapp.providers.contract import Keys, Provider
from webapp.rows import insert_into

MAX_BYTES = 2 * 1024 * 1024
# the time of the last event is noted once a second: each note locks the Connection until the disk
# has it, so that other posts to the same hook could not be stored meanwhile
NOTED_EVERY = timedelta(seconds=1)
# of a stranger's request only these are kept, and those that the provider's file asks for
KEPT_HEADERS = ("content-type", "user-agent")
STRANGE_ADDRESS = (
    "A confirmation was asked for at an address that is not the provider's own; it was not visited."
)
# built once, and columns in place of an object: it runs for every post
_LISTENER = select(
    *(Connection.id, Connection.workspace_id, Connection.last_event_at, Connection.last_refused_at),
    *(Connection.hook_secret, Connection.old_hook_secret, Connection.old_hook_secret_until),
).where(
    Connection.hook_token == bindparam("hook_token"), Connection.provider == bindparam("provider")
)


class Received(StrEnum):
    STORED = "stored"
    REPEATED = "repeated"
    NOT_AUTHENTIC = "not_authentic"


def find_listener(provider: Provider, hook_token: str) -> Row | None:
    """What receive() must know of the Connection whose hook address this is (over 128 bits: found
    by index, never guessed)."""
    asked = {"hook_token": hook_token, "provider": provider.name}
    return db.session.execute(_LISTENER, asked).first()


def receive(
    connection: Connection | Row, provider: Provider, body: bytes, headers: Mapping[str, str]
) -> Received:
    """Store an authentic Arrival, once, and commit. `connection` may be what find_listener() found.
    Database trouble and CannotTell raise: say try_later."""
    now = clock.now()
    if not provider.is_authentic(body, headers, keys_of(connection, now), now):
        begin_to_write()
        refused = Connection.refused_signatures + 1
        _note(connection, refused_signatures=refused, last_refused_at=now)
        db.session.commit()
        return Received.NOT_AUTHENTIC

    arrival = _arrival(connection, provider, body, headers, now)
    heard = _confirmation(provider, body) or _heard(connection, now)
    begin_to_write()
    stored = _insert(arrival)
    if heard:
        _note(connection, **heard)
    db.session.commit()
    return Received.STORED if stored else Received.REPEATED


def _note(connection: Connection | Row, **values) -> None:
    db.session.execute(
        update(Connection)
        .where(Connection.id == connection.id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )


def _confirmation(provider: Provider, body: bytes) -> dict:
    """What to remember where the provider wants an address visited before it reports."""
    url = provider.confirmation_url(body)
    if url is None:
        return {}
    error = "" if url else STRANGE_ADDRESS
    return {"confirm_url": url or None, "confirm_tried_at": None, "confirm_error": error}


def _heard(connection: Connection | Row, now: datetime) -> dict:
    """That an event came, where that was not noted just now."""
    last, refused = connection.last_event_at, connection.last_refused_at
    is_noted = last is not None and abs(now - last) < NOTED_EVERY
    is_last_word = last is not None and (refused is None or refused < last)
    return {} if is_noted and is_last_word else {"last_event_at": now}


def keys_of(connection: Connection | Row, now: datetime) -> Keys:
    """The current key, and the one before while it is still valid."""
    until = connection.old_hook_secret_until
    is_valid = until is not None and now < until
    old = connection.old_hook_secret if is_valid else None
    return Keys(connection.hook_secret, old, fetching.certificate)


def _arrival(
    connection: Connection | Row,
    provider: Provider,
    body: bytes,
    headers: Mapping[str, str],
    now: datetime,
) -> dict:
    return {
        "connection_id": connection.id,
        "workspace_id": connection.workspace_id,
        "provider": provider.name,
        "body": body,
        "headers": _kept(provider, headers),
        "dedupe_key": provider.dedupe_key(body, headers),
        "stage": ArrivalStage.STORED,
        "is_unapplied": False,
        "error": "",
        "received_at": now,
    }


def _kept(provider: Provider, headers: Mapping[str, str]) -> dict[str, str]:
    """Without NUL and lone surrogates, which PostgreSQL refuses."""
    names = (*KEPT_HEADERS, *provider.kept_headers)
    return {name: clean_text(headers[name], 300) for name in names if name in headers}


def _insert(arrival: dict) -> bool:
    """Whether it was not there already."""
    return db.session.execute(_insertion(db.engine.dialect.name), arrival).first() is not None


@cache
def _insertion(dialect: str) -> Insert:
    """Built once for each kind of database."""
    return (
        insert_into(Arrival.__table__)
        .on_conflict_do_nothing(index_elements=["connection_id", "dedupe_key"])
        .returning(Arrival.__table__.c.id)
    )
