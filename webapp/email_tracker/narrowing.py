"""Whose copies can fit a search or a mailbox provider: told by the people, one for each address,
whose indexes no copy pays for while it is sent."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Select, bindparam, null, select, union_all

from webapp import trigrams
from webapp.bulk_email.models import BulkEmail
from webapp.columns import Ids, Texts, is_among
from webapp.delivery import grouping
from webapp.delivery.models import Recipient
from webapp.delivery.models_people import OtherName, Person
from webapp.delivery.selecting import Selection
from webapp.extensions import db

MOST = 3_000


@dataclass(frozen=True)
class Narrowed:
    """The addresses, and the records of copies without one, that can fit: all of them."""

    keys: Sequence[str]
    records: Sequence[int]

    def ids(self, bulk_email_id: int) -> Select:
        """Their copies of an email, by its indexes."""
        keys = bindparam("keys", self.keys, Texts, unique=True)
        records = bindparam("records", self.records, Ids, unique=True)
        of_email = select(Recipient.id).where(Recipient.bulk_email_id == bulk_email_id)
        by_key = of_email.where(is_among(Recipient.address_key, keys))
        if not self.records:
            return by_key
        by_record = of_email.where(
            is_among(Recipient.record_id, records), Recipient.address_key.is_(None)
        )
        return union_all(by_key, by_record)


def narrow(bulk_email_id: int, selection: Selection) -> Narrowed | None:
    """Who can fit the words and the provider of `selection`, and some others. None: nobody knows.
    There are more than MOST, no word is long enough for an index, or the people were not introduced
    yet."""
    workspace_id = db.session.scalar(
        select(BulkEmail.workspace_id).where(
            BulkEmail.id == bulk_email_id, BulkEmail.introduced_at.is_not(None)
        )
    )
    if workspace_id is None:
        return None
    narrowed = _narrowed(_at(workspace_id, selection.at)) if selection.at else None
    if narrowed is None and trigrams.know(selection.words):
        narrowed = _narrowed(*_named(workspace_id, selection.words))
    return narrowed


def _at(workspace_id: int, destination: str) -> Select:
    domains = grouping.domains_of(destination)
    return select(Person.address_key, null().label("record_id")).where(
        Person.workspace_id == workspace_id, Person.domain.in_(domains)
    )


def _named(workspace_id: int, words: Sequence[str]) -> tuple[Select, Select]:
    by_person = select(Person.address_key, null().label("record_id"))
    by_other = select(OtherName.address_key, OtherName.record_id)
    return (
        trigrams.with_words(by_person, Person, words, (Person.workspace_id, workspace_id)),
        trigrams.with_words(by_other, OtherName, words, (OtherName.workspace_id, workspace_id)),
    )


def _narrowed(*statements: Select) -> Narrowed | None:
    """What (address_key, record_id) say together; None where it is too much."""
    found: list = []
    for statement in statements:
        found += db.session.execute(statement.limit(MOST + 1 - len(found))).all()
        if len(found) > MOST:
            return None
    return Narrowed(
        keys=sorted({row.address_key for row in found if row.address_key is not None}),
        records=sorted({row.record_id for row in found if row.record_id is not None}),
    )
