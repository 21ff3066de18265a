"""Whoever was written to becomes a Person, so that they are found: set-wise, behind the sending."""

from sqlalchemy import func, or_, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from webapp.bulk_email.models import BulkEmail, Stage
from webapp.columns import folded
from webapp.delivery.models import Recipient, Tally
from webapp.delivery.models_people import Person
from webapp.extensions import db
from webapp.lib import clock

CHUNK = 2_000
# a larger email is sent first: its workers and this one write to the same database
WHILE_SENDING = 10_000
_FROZEN = (Stage.SENDING, Stage.PAUSED, Stage.FINISHED, Stage.CANCELLED)


def due() -> list[int]:
    """Emails whose people were not introduced yet, the oldest first."""
    return list(
        db.session.scalars(
            select(BulkEmail.id)
            .join(Tally, Tally.bulk_email_id == BulkEmail.id)
            .where(
                BulkEmail.stage.in_(_FROZEN),
                BulkEmail.introduced_at.is_(None),
                or_(BulkEmail.expected <= WHILE_SENDING, Tally.queued == 0),
            )
            .order_by(BulkEmail.id)
            .limit(5)
        )
    )


def introduce_some(bulk_email_id: int) -> bool:
    """A chunk of an email's people; True while there are more. Commits."""
    bulk_email = db.session.get(BulkEmail, bulk_email_id, with_for_update=True)
    if bulk_email is None or bulk_email.introduced_at or bulk_email.stage not in _FROZEN:
        db.session.rollback()
        return False
    begin = bulk_email.introduced_to
    ids = (
        select(Recipient.record_id)
        .where(Recipient.bulk_email_id == bulk_email_id, Recipient.record_id > begin)
        .order_by(Recipient.record_id)
        .limit(CHUNK)
        .subquery()
    )
    end = db.session.scalar(select(func.max(ids.c.record_id)))
    if end is not None:
        _introduce(bulk_email, begin, end)
    changes = {"introduced_at": clock.now()} if end is None else {"introduced_to": end}
    db.session.execute(update(BulkEmail).where(BulkEmail.id == bulk_email_id).values(**changes))
    db.session.commit()
    return end is not None


def _introduce(bulk_email: BulkEmail, begin: int, end: int) -> None:
    """INSERT … SELECT; who is known gets the newest name."""
    name, address = func.max(Recipient.name), func.max(Recipient.address)
    rows = (
        select(
            Recipient.workspace_id,
            Recipient.address_key,
            address,
            name,
            folded(name.concat(" ").concat(address)),
        )
        .where(
            Recipient.bulk_email_id == bulk_email.id,
            Recipient.record_id > begin,
            Recipient.record_id <= end,
            Recipient.address_key.is_not(None),
        )
        .group_by(Recipient.workspace_id, Recipient.address_key)
        .order_by(Recipient.address_key)
    )
    is_postgresql = db.session.get_bind().dialect.name == "postgresql"
    statement = (postgresql_insert if is_postgresql else sqlite_insert)(Person).from_select(
        ["workspace_id", "address_key", "address", "name", "search"], rows
    )
    new = statement.excluded
    db.session.execute(
        statement.on_conflict_do_update(
            index_elements=["workspace_id", "address_key"],
            set_={"address": new.address, "name": new.name, "search": new.search},
            where=Person.search != new.search,
        )
    )
