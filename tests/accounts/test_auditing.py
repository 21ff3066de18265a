"""The audit log is append-only, for the program and for whoever holds the database."""

import pytest
from sqlalchemy import delete, text, update
from sqlalchemy.exc import DBAPIError

from webapp.accounts import auditing
from webapp.accounts.models import AuditEntry
from webapp.extensions import db

pytestmark = pytest.mark.database
STATEMENTS = (
    update(AuditEntry).values(action="nothing"),
    delete(AuditEntry),
    text("UPDATE audit_entries SET user_name = 'nobody'"),
    text("DELETE FROM audit_entries"),
)


@pytest.fixture
def entry(cast) -> AuditEntry:
    auditing.note("form.deleted", workspace=cast.workspace, by=cast.alice, name="People", records=3)
    db.session.commit()
    return db.session.query(AuditEntry).one()


@pytest.mark.parametrize("statement", STATEMENTS, ids=str)
def test_the_database_refuses_to_change_it(entry: AuditEntry, statement) -> None:
    with pytest.raises(DBAPIError, match="append-only"):
        db.session.execute(statement)
    db.session.rollback()
    assert db.session.query(AuditEntry).one().action == "form.deleted"


def test_the_program_refuses_to_change_it(entry: AuditEntry) -> None:
    entry.action = "nothing"
    with pytest.raises(RuntimeError, match="append-only"):
        db.session.flush()
    db.session.rollback()


def test_an_entry_outlives_what_it_speaks_of(cast, entry: AuditEntry) -> None:
    db.session.execute(text("DELETE FROM members"))
    db.session.execute(text("DELETE FROM users"))
    db.session.commit()
    assert (entry.user_name, entry.subject, entry.details) == ("Alice", "People", {"records": 3})
