"""Return paths: which one a copy has, and whose a mail is that came back to one."""

from sqlalchemy import select

from webapp.delivery import tokens
from webapp.delivery.models import Connection, Recipient
from webapp.delivery.models_return import ReturnWay
from webapp.extensions import db


def bounce_address(connection_id: int) -> str | None:
    """The address that return paths of this Connection are made of (tokens.return_path), or None:
    then what comes back goes to the sender."""
    found = db.session.scalar(
        select(ReturnWay.address).where(ReturnWay.connection_id == connection_id)
    )
    return found or None


def reports(connection: Connection) -> bool:
    """Whether anything ever comes back over this Connection beyond the SMTP answer: events of its
    provider, or mails to its bounce address."""
    return connection.provider != "smtp" or bounces_come_back(connection)


def bounces_come_back(connection: Connection) -> bool:
    way = connection.return_way
    return bool(way and way.address)


def connection_of(address: str, token_key: bytes) -> Connection | None:
    """The Connection that a mail to the return path `address` belongs to: the one its copy went
    over, else the one whose bounce address it is. None: it is nobody's, and may be refused."""
    token, base = tokens.read_return_path(address)
    recipient_id = tokens.read_copy_token(token_key, token) if token else None
    if recipient_id:
        found = db.session.scalar(
            select(Connection)
            .join(Recipient, Recipient.connection_id == Connection.id)
            .where(Recipient.id == recipient_id)
        )
        if found is not None:
            return found
    return db.session.scalar(
        select(Connection)
        .join(ReturnWay, ReturnWay.connection_id == Connection.id)
        .where(ReturnWay.address == base, ReturnWay.address != "")
        .order_by(Connection.removed_at.is_not(None), Connection.id)
        .limit(1)
    )
