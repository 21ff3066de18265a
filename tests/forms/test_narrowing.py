"""Which records a search can find: all of them, or nobody knows."""

import pytest
from sqlalchemy import select

from tests import makers
from tests.forms.test_indexing import index_all, records
from webapp.extensions import db
from webapp.forms import narrowing, writing
from webapp.forms.models import Form, Record

pytestmark = pytest.mark.database
PEOPLE = [("Ann Lee", "ann@x.test"), ("Bo 100%", "bo@x.test"), ("Straße", "cy@y.test")]


@pytest.fixture
def form(cast) -> Form:
    form = makers.make_form(cast.workspace, PEOPLE)
    index_all()
    return form


def found(form: Form, search: str) -> list[str] | None:
    ids = narrowing.narrow(form, search)
    if ids is None:
        return None
    told = narrowing.only(select(Record.search), ids).order_by(Record.id)
    return [text.split()[0] for text in db.session.scalars(told)]


@pytest.mark.parametrize(
    ("search", "names"),
    [
        ("ANN", ["ann"]),
        ("x.test", ["ann", "bo"]),
        ("x.test 100%", ["bo"]),
        ("straSSE", ["strasse"]),
        ("test o", ["bo"]),
        ("zoe", []),
        ('"ann" OR', []),
        ("o", None),
        ("b_o", None),
        ("", None),
    ],
)
def test_the_index_tells_who_has_every_word(form: Form, search: str, names: list | None) -> None:
    assert found(form, search) == names


def test_records_of_other_forms_are_not_told(cast, form: Form) -> None:
    makers.make_form(cast.workspace, [("Ann Other", "ann@z.test")])
    index_all()

    assert found(form, "ann") == ["ann"]


def test_a_few_records_that_are_not_indexed_yet_are_told_beside(form: Form) -> None:
    writing.edit_record(records()[0], {"name": "Zoe"}, None)
    writing.delete_records(form, [records()[1].id])
    db.session.commit()

    assert found(form, "zoe") == ["zoe"]
    assert found(form, "bo@x.test") == ["zoe"]  # looked at beside, and left out by who asks


def test_more_than_can_be_looked_at_are_not_told(form: Form, monkeypatch) -> None:
    monkeypatch.setattr(narrowing, "MOST", 1)
    assert found(form, "x.test") is None
    assert not narrowing.is_behind(form, "x.test")

    for record in records()[:2]:
        writing.edit_record(record, {"name": "Zoe"}, None)
    assert found(form, "zoe") is None
    assert narrowing.is_behind(form, "zoe")
    assert not narrowing.is_behind(form, "o")
