"""A link was followed or a picture loaded: found by its signed address, and stored as an Arrival.

Whoever clicks waits for this. So it is one look and one insert; what it means is found out by the
worker that digests what providers report, by the same rules.
"""

from dataclasses import dataclass

import structlog
from sqlalchemy import Connection, Select, insert, select
from sqlalchemy.exc import SQLAlchemyError

from webapp.bulk_email.models import BulkEmail
from webapp.delivery import tokens
from webapp.delivery.models import Arrival, ArrivalStage, Recipient
from webapp.delivery.models_following import FollowedLink
from webapp.extensions import db, mark_reading
from webapp.lib import clock, hosts
from webapp.mail import linking, merging
from webapp.mail.replies import clean_text
from webapp.providers import fetches

MOST_KEPT = 200  # fetches of one copy; who asks more often is a program, and known by then
WAIT_SECONDS = 2  # for a database that is busy: then the person goes on, uncounted
MAX_AGENT = 300

log = structlog.get_logger()


@dataclass(frozen=True)
class Visitor:
    """What is known of who asks: never more than this is stored, and of the address its network
    alone."""

    address: str | None
    user_agent: str
    method: str


@dataclass(frozen=True)
class Found:
    """The copy whose link or picture was asked for; `link` is None for its picture. `target` is
    where the link leads, None where it leads nowhere."""

    recipient_id: int
    workspace_id: int
    connection_id: int | None
    fetch_count: int
    link: int | None
    target: str | None = None


class AwayError(Exception):
    """The address is ours, but the database cannot be asked where it leads."""


def find_link(key: bytes, token: str, number: int) -> Found | None:
    """None for an address that is not ours, bit by bit; of absent rows nobody is told either.
    AwayError where it is ours and nothing can be looked up."""
    recipient_id = tokens.read_click_token(key, token, number)
    row = _row(recipient_id, number) if recipient_id else None
    if row is None:
        return None
    target = linking.target_of(row.target, merging.merge_values(row.merge_values))
    if number != linking.HIDDEN and target is None:
        return None
    return _found(row, number, target)


def find_picture(key: bytes, token: str) -> Found | None:
    """As find_link."""
    recipient_id = tokens.read_open_token(key, token)
    row = _row(recipient_id, 0) if recipient_id else None
    return _found(row, None, None) if row else None


def _row(recipient_id: int, number: int):
    """The copy with where its link leads; "" where there is no such link."""
    try:
        found = db.session.execute(_look(recipient_id, number)).first()
    except SQLAlchemyError as error:
        log.exception("link_not_found_out", copy=recipient_id)
        raise AwayError from error
    finally:
        db.session.rollback()  # so that nothing is held while we store
    return found


def _look(recipient_id: int, number: int) -> Select:
    return (
        select(
            Recipient.id,
            Recipient.workspace_id,
            (Recipient.open_count + Recipient.click_count).label("fetch_count"),
            Recipient.merge_values,
            db.func.coalesce(Recipient.connection_id, BulkEmail.connection_id).label("over"),
            db.func.coalesce(FollowedLink.target, "").label("target"),
        )
        .join(BulkEmail, BulkEmail.id == Recipient.bulk_email_id)
        .outerjoin(
            FollowedLink,
            (FollowedLink.bulk_email_id == Recipient.bulk_email_id)
            & (FollowedLink.number == number),
        )
        .where(Recipient.id == recipient_id)
    )


def _found(row, number: int | None, target: str | None) -> Found:
    return Found(row.id, row.workspace_id, row.over, row.fetch_count, number, target)


def note(found: Found, visitor: Visitor, key: bytes) -> bool:
    """Store that it was asked for; whether that was done. Never raises for a database in trouble:
    the person is on the way to a page, and the page is what counts. Commits."""
    if found.fetch_count >= MOST_KEPT or found.connection_id is None:
        return False
    try:
        with db.engine.connect() as connection:
            _store(connection, found, visitor, key)
    except SQLAlchemyError:
        log.exception("fetch_not_stored", copy=found.recipient_id)
        return False
    return True


def _store(connection: Connection, found: Found, visitor: Visitor, key: bytes) -> None:
    mark_reading(False)
    body = _body(found, visitor, key)
    raw = connection.connection.dbapi_connection
    is_sqlite = connection.dialect.name == "sqlite"
    try:
        if is_sqlite:
            raw.execute(f"pragma busy_timeout={WAIT_SECONDS * 1000}")
        else:
            connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{WAIT_SECONDS}s'")
        connection.execute(
            insert(Arrival).values(
                connection_id=found.connection_id,
                workspace_id=found.workspace_id,
                provider=fetches.PROVIDER.name,
                body=body,
                dedupe_key=fetches.PROVIDER.dedupe_key(body, {}),
                stage=ArrivalStage.STORED,
            )
        )
        connection.commit()
    finally:
        if is_sqlite:
            raw.execute("pragma busy_timeout=30000")


def _body(found: Found, visitor: Visitor, key: bytes) -> bytes:
    link = {} if found.link is None else {"link": str(found.link)}
    return fetches.made(
        tokens.copy_token(key, found.recipient_id),
        kind="open" if found.link is None else "click",
        at=clock.now().isoformat(),
        user_agent=clean_text(visitor.user_agent, MAX_AGENT),
        network=hosts.network_of(visitor.address),
        method=visitor.method,
        **link,
    )
