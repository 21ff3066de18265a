"""Whoever was written to becomes a Person, so that they are found: set-wise, behind the sending."""

from collections.abc import Sequence

from sqlalchemy import (
    ColumnElement,
    Select,
    Subquery,
    cast,
    exists,
    func,
    insert,
    null,
    or_,
    select,
    update,
)

from webapp.accounts.models import Workspace
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.columns import BigId, domain_part, folded
from webapp.delivery.models import Recipient, Tally
from webapp.delivery.models_people import OtherName, Person
from webapp.extensions import db
from webapp.lib import clock
from webapp.rows import insert_into

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
    """INSERT … SELECT; who is known gets the newest name, and the other stays findable."""
    # nobody else renames anybody of this workspace meanwhile
    db.session.execute(
        select(Workspace.id)
        .where(Workspace.id == bulk_email.workspace_id)
        .with_for_update(key_share=True)
    )
    chunk = (
        Recipient.bulk_email_id == bulk_email.id,
        Recipient.record_id > begin,
        Recipient.record_id <= end,
    )
    name, address = func.max(Recipient.name), func.max(Recipient.address)
    rows = (
        select(
            Recipient.workspace_id,
            Recipient.address_key,
            domain_part(Recipient.address_key).label("domain"),
            address.label("address"),
            name.label("name"),
            _text(name, address).label("search"),
        )
        .where(*chunk, Recipient.address_key.is_not(None))
        .group_by(Recipient.workspace_id, Recipient.address_key)
        .order_by(Recipient.address_key)
    )
    _keep_old_names(rows.subquery())
    statement = insert_into(Person).from_select([*rows.selected_columns.keys()], rows)
    new = statement.excluded
    db.session.execute(
        statement.on_conflict_do_update(
            index_elements=["workspace_id", "address_key"],
            set_={
                "address": new.address,
                "name": new.name,
                "search": new.search,
                "domain": new.domain,
            },
            where=(Person.search != new.search) | (Person.domain != new.domain),
        )
    )
    _keep_other_names(chunk)


def _keep_old_names(new: Subquery) -> None:
    """Of those who are called something else from now on."""
    _keep(
        select(Person.workspace_id, Person.address_key, cast(null(), BigId), Person.search)
        .join(
            new,
            (new.c.workspace_id == Person.workspace_id) & (new.c.address_key == Person.address_key),
        )
        .where(
            Person.search != new.c.search,
            ~_is_kept(Person, OtherName.address_key == Person.address_key, Person.search),
        )
    )


def _keep_other_names(chunk: Sequence[ColumnElement[bool]]) -> None:
    """Of those who stand there by several names, and of those who have no address."""
    text = _text(Recipient.name, Recipient.address)
    key, record, nobody = Recipient.address_key, Recipient.record_id, cast(null(), BigId)
    is_person = (Person.workspace_id == Recipient.workspace_id) & (Person.address_key == key)
    by_key = select(Recipient.workspace_id, key, nobody, text).join(Person, is_person)
    is_same_key, is_same_record = OtherName.address_key == key, OtherName.record_id == record
    is_same_record &= OtherName.address_key.is_(None)
    _keep(by_key.where(*chunk, Person.search != text, ~_is_kept(Recipient, is_same_key, text)))
    by_record = select(Recipient.workspace_id, key, record, text).where(*chunk, key.is_(None))
    _keep(by_record.where(~_is_kept(Recipient, is_same_record, text)))


def _is_kept(
    of: type[Person | Recipient], is_same: ColumnElement[bool], text: ColumnElement[str]
) -> ColumnElement[bool]:
    here = OtherName.workspace_id == of.workspace_id
    return exists().where(here, is_same, OtherName.search == text)


def _keep(rows: Select) -> None:
    columns = ["workspace_id", "address_key", "record_id", "search"]
    db.session.execute(insert(OtherName).from_select(columns, rows.distinct()))


def _text(name: ColumnElement[str], address: ColumnElement[str]) -> ColumnElement[str]:
    return folded(name.concat(" ").concat(address))
