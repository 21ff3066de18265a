"""Whose copies can fit a search or a mailbox provider: told by the people, one for each address,
whose indexes no copy pays for while it is sent."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Select, bindparam, null, select, union_all

from webapp.bulk_email.models import BulkEmail
from webapp.columns import Ids, Texts, domain_part, is_among
from webapp.delivery import grouping
from webapp.delivery.models import Recipient
from webapp.delivery.models_people import OtherName, Person
from webapp.delivery.selecting import Selection
from webapp.email_tracker import people
from webapp.extensions import db

MOST = 10_000
_TRIGRAM = re.compile(r"[^\W_]{3}")  # what the indexes of words know on both databases


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
    """Who can fit the words and the provider of `selection`. None: nobody knows. There are more
    than MOST, no word is long enough for an index, or the people were not introduced yet."""
    if not selection.at and not any(_TRIGRAM.search(word) for word in selection.words):
        return None
    workspace_id = db.session.scalar(
        select(BulkEmail.workspace_id).where(
            BulkEmail.id == bulk_email_id, BulkEmail.introduced_at.is_not(None)
        )
    )
    if workspace_id is None:
        return None
    found: list = []
    for statement in _statements(workspace_id, selection):
        found += db.session.execute(statement.limit(MOST + 1 - len(found))).all()
        if len(found) > MOST:
            return None
    return Narrowed(
        keys=sorted({row.address_key for row in found if row.address_key is not None}),
        records=sorted({row.record_id for row in found if row.record_id is not None}),
    )


def _statements(workspace_id: int, selection: Selection) -> list[Select]:
    """(address_key, record_id) of people; and of other names, where names are looked for."""
    domains = grouping.domains_of(selection.at) if selection.at else None
    by_person = select(Person.address_key, null().label("record_id"))
    if domains is not None:
        by_person = by_person.where(Person.domain.in_(domains))
    by_person = people.with_words(by_person, Person, workspace_id, selection.words)
    if not selection.words:
        return [by_person]
    by_other = select(OtherName.address_key, OtherName.record_id)
    if domains is not None:
        by_other = by_other.where(domain_part(OtherName.address_key).in_(domains))
    return [by_person, people.with_words(by_other, OtherName, workspace_id, selection.words)]
