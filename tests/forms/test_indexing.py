"""The texts that a search finds records by follow whatever is written, edited and deleted."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from tests import makers
from webapp.accounts.models import Workspace
from webapp.extensions import db
from webapp.forms import importing, indexing, jobs, purging, writing
from webapp.forms.models import Form, Record, RecordText

pytestmark = pytest.mark.database
PEOPLE = [("Ann", "ann@x.test"), ("Bo", "bo@x.test"), ("Cy", "cy@x.test")]


def index_all() -> None:
    while indexing.index_some():
        pass


def texts() -> list[str]:
    return list(db.session.scalars(select(RecordText.search).order_by(RecordText.id)))


def records() -> list[Record]:
    return list(db.session.scalars(select(Record).order_by(Record.id)))


@pytest.fixture
def form(cast) -> Form:
    form = makers.make_form(cast.workspace, PEOPLE)
    index_all()
    return form


def test_records_that_come_in_are_indexed_chunk_by_chunk(cast, monkeypatch) -> None:
    monkeypatch.setattr(indexing, "CHUNK", 2)
    form = makers.make_form(cast.workspace, PEOPLE)

    assert len(indexing.stale_ids(form.id, 9)) == 3
    assert indexing.index_some()
    assert texts() == ["ann ann@x.test", "bo bo@x.test"]
    assert indexing.stale_ids(form.id, 9) == [records()[2].id]

    index_all()
    assert texts()[2] == "cy cy@x.test"
    assert not indexing.is_due()


def edited(form: Form) -> None:
    writing.edit_record(records()[0], {"name": "Zoe"}, None)


def deleted(form: Form) -> None:
    writing.delete_records(form, [record.id for record in records()[::2]])


def without_a_field(form: Form) -> None:
    writing.delete_field(form.fields[0])


def without_the_form(form: Form) -> None:
    writing.delete_form(form)


def without_the_workspace(form: Form) -> None:
    purging.purge_some(form.workspace_id, jobs.folder())


@pytest.mark.parametrize(
    ("change", "after"),
    [
        (edited, ["zoe ann@x.test", "bo bo@x.test", "cy cy@x.test"]),
        (deleted, ["bo bo@x.test"]),
        (without_a_field, ["ann@x.test", "bo@x.test", "cy@x.test"]),
        (without_the_form, []),
        (without_the_workspace, []),
    ],
)
def test_the_texts_follow(form: Form, change: Callable[[Form], None], after: list) -> None:
    change(form)
    db.session.commit()

    index_all()

    assert texts() == after


def test_an_import_is_indexed_once_it_is_seen(cast) -> None:
    form = makers.make_form(cast.workspace, [])
    kept = importing.upload(form, cast.alice, "people.csv", b"Name,Email\nAnn,ann@x.test\n")
    importing.begin(kept, {"0": "name", "1": "email"}, ["Name", "Email"])
    assert not indexing.is_due()

    importing.run(kept.id)
    assert len(indexing.stale_ids(form.id, 9)) == 1
    index_all()

    assert texts() == ["ann ann@x.test"]


def test_an_id_that_another_form_got_is_of_that_form(form: Form, workspace: Workspace) -> None:
    """SQLite gives the last id again."""
    last = records()[2].id
    writing.delete_records(form, [last])
    other = writing.create_form(workspace, "Others", [])
    db.session.add(Record(id=last, form_id=other.id, search="dee"))
    indexing.note(other.id, [last])
    db.session.commit()

    index_all()

    assert texts()[2] == "dee"
    assert db.session.get_one(RecordText, last).form_id == other.id


@pytest.fixture
def workspace(cast) -> Workspace:
    return cast.workspace
