"""Raw bytes are stored before anybody is thanked; what they mean is found out later."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select, update

from webapp.delivery.models import Arrival, ArrivalStage, Connection
from webapp.email_tracker import fetching
from webapp.extensions import begin_to_write, db
from webapp.lib import clock
from webapp.mail.replies import clean_text
from webapp.providers.contract import Keys, Provider
from webapp.rows import insert_into

MAX_BYTES = 2 * 1024 * 1024
# of a stranger's request only these are kept, and those that the provider's file asks for
KEPT_HEADERS = ("content-type", "user-agent")
STRANGE_ADDRESS = (
    "A confirmation was asked for at an address that is not the provider's own; it was not visited."
)


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
    """Store an authentic Arrival, once, and commit. Database trouble and CannotTell raise: say
    try_later."""
    now = clock.now()
    is_authentic = provider.is_authentic(body, headers, keys_of(connection, now), now)
    begin_to_write()
    if not is_authentic:
        refused = Connection.refused_signatures + 1
        _note(connection, refused_signatures=refused, last_refused_at=now)
        db.session.commit()
        return Received.NOT_AUTHENTIC

    stored = _insert(connection, provider, body, headers, now)
    _note(connection, **(_confirmation(provider, body) or {"last_event_at": now}))
    db.session.commit()
    return Received.STORED if stored else Received.REPEATED


def _note(connection: Connection, **values) -> None:
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


def keys_of(connection: Connection, now: datetime) -> Keys:
    """The current key, and the one before while it is still valid."""
    until = connection.old_hook_secret_until
    is_valid = until is not None and now < until
    old = connection.old_hook_secret if is_valid else None
    return Keys(connection.hook_secret, old, fetching.certificate)


def _insert(
    connection: Connection,
    provider: Provider,
    body: bytes,
    headers: Mapping[str, str],
    now: datetime,
) -> bool:
    stored = db.session.execute(
        insert_into(Arrival)
        .on_conflict_do_nothing(index_elements=["connection_id", "dedupe_key"])
        .values(
            connection_id=connection.id,
            workspace_id=connection.workspace_id,
            provider=provider.name,
            body=body,
            headers=_kept(provider, headers),
            dedupe_key=provider.dedupe_key(body, headers),
            stage=ArrivalStage.STORED,
            is_unapplied=False,
            error="",
            received_at=now,
        )
        .returning(Arrival.id)
    )
    return stored.first() is not None


def _kept(provider: Provider, headers: Mapping[str, str]) -> dict[str, str]:
    """Without NUL and lone surrogates, which PostgreSQL refuses."""
    names = (*KEPT_HEADERS, *provider.kept_headers)
    return {name: clean_text(headers[name], 300) for name in names if name in headers}
