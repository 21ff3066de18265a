"""One person: found by any part of name or address; every email, suppression, what is planned."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import aliased

from webapp import trigrams
from webapp.accounts.models import Workspace
from webapp.bulk_email import audience, composing
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.delivery.models import Recipient, Suppression
from webapp.delivery.models_people import Person
from webapp.extensions import db
from webapp.forms.models import Form, Record, RecordAddress

FOUND = 20
MOST_COPIES = 200


def find(workspace: Workspace, words: str) -> Sequence[Person]:
    """The first people in whom every word occurs, and one more."""
    parts = words.lower().split()[:6]
    of_workspace = (Person.workspace_id, workspace.id)
    statement = trigrams.with_words(select(Person), Person, parts, of_workspace)
    return db.session.scalars(statement.limit(FOUND + 1)).all()


def by_key(workspace: Workspace, keys: Sequence[str]) -> dict[str, Person]:
    """The people with these address keys, as far as they were introduced yet."""
    found = db.session.scalars(
        select(Person).where(Person.workspace_id == workspace.id, Person.address_key.in_(keys))
    )
    return {person.address_key: person for person in found}


def latest(people: Sequence[Person]) -> dict[str, tuple[Recipient, BulkEmail]]:
    """The last copy of each of some people, by address key."""
    if not people:
        return {}
    last = aliased(Recipient)
    newest = (
        select(last.id)
        .where(last.workspace_id == Person.workspace_id, last.address_key == Person.address_key)
        .order_by(last.id.desc())
        .limit(1)
        .correlate(Person)
        .scalar_subquery()
    )
    ids = db.session.scalars(select(newest).where(Person.id.in_([each.id for each in people])))
    rows = db.session.execute(
        select(Recipient, BulkEmail)
        .join(BulkEmail, BulkEmail.id == Recipient.bulk_email_id)
        .where(Recipient.id.in_([each for each in ids if each]))
    )
    return {copy.address_key: (copy, bulk_email) for copy, bulk_email in rows}


def copies(
    workspace: Workspace, keys: Sequence[str], records: Sequence[Record]
) -> Sequence[tuple[Recipient, BulkEmail]]:
    """Every copy to one of these addresses or records, the newest first. Two looks into indexes."""
    with_email = select(Recipient, BulkEmail).join(
        BulkEmail, BulkEmail.id == Recipient.bulk_email_id
    )
    newest = Recipient.id.desc()
    found = db.session.execute(
        with_email.where(
            Recipient.workspace_id == workspace.id, Recipient.address_key.in_(keys)
        ).order_by(newest).limit(MOST_COPIES)
    ).all() if keys else []  # fmt: skip
    for record in records:
        of_form = select(BulkEmail.id).where(
            BulkEmail.workspace_id == workspace.id, BulkEmail.form_id == record.form_id
        )
        found += db.session.execute(
            with_email.where(
                Recipient.bulk_email_id.in_(of_form), Recipient.record_id == record.id
            ).order_by(newest).limit(MOST_COPIES)
        ).all()  # fmt: skip
    by_id = {copy.id: (copy, bulk_email) for copy, bulk_email in found}
    return [by_id[each] for each in sorted(by_id, reverse=True)][:MOST_COPIES]


def records_of(workspace: Workspace, key: str) -> Sequence[Record]:
    """The records in which an address stands now."""
    return db.session.scalars(
        select(Record)
        .join(RecordAddress, RecordAddress.record_id == Record.id)
        .join(Form, Form.id == Record.form_id)
        .where(
            RecordAddress.address_key == key,
            Form.workspace_id == workspace.id,
            Form.hidden_at.is_(None),
        )
        .order_by(Record.id)
        .limit(FOUND)
    ).unique().all()  # fmt: skip


def suppressions(workspace: Workspace, key: str) -> Sequence[Suppression]:
    """All that was ever said of mail to an address, the newest first."""
    return db.session.scalars(
        select(Suppression)
        .where(Suppression.workspace_id == workspace.id, Suppression.address_key == key)
        .order_by(Suppression.id.desc())
        .limit(FOUND)
    ).all()


def planned(workspace: Workspace, records: Sequence[Record]) -> list[BulkEmail]:
    """The scheduled emails that select one of these records."""
    if not records:
        return []
    scheduled = db.session.scalars(
        select(BulkEmail)
        .where(BulkEmail.workspace_id == workspace.id, BulkEmail.stage == Stage.SCHEDULED)
        .order_by(BulkEmail.scheduled_at)
        .limit(FOUND)
    ).all()
    ids = [record.id for record in records]
    return [
        each
        for each in scheduled
        if not composing.problems(each)
        and db.session.scalar(audience.selected(each).where(Record.id.in_(ids)).limit(1))
    ]
