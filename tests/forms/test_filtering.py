"""A filter selects the same records on both databases."""

import pytest
from sqlalchemy import select

from webapp.extensions import db
from webapp.forms import filtering, writing
from webapp.forms.models import FieldKind, Form, Record

pytestmark = pytest.mark.database
PEOPLE = [
    {"name": "Łukasz Ész", "age": 30, "born": "1994-05-01", "member": True},
    {"name": "ann 100%", "age": 9, "born": "2015-01-31", "member": False},
    {"name": "Bo", "age": 10.5},
    {"name": None},
]


@pytest.fixture
def form(cast) -> Form:
    fields = [
        ("Name", FieldKind.TEXT), ("Age", FieldKind.NUMBER), ("Born", FieldKind.DATE),
        ("Member", FieldKind.YES_NO),
    ]  # fmt: skip
    form = writing.create_form(cast.workspace, "People", fields)
    writing.add_records(form, PEOPLE, None, "made")
    db.session.commit()
    return form


def found(form: Form, filter: dict) -> list[int]:
    """Places in PEOPLE of those selected."""
    first = db.session.scalar(select(Record.id).order_by(Record.id))
    ids = db.session.scalars(filtering.selected_records(form, filter).order_by(Record.id))
    return [number - first for number in ids]


def row(field: str, op: str, value: object = "") -> dict:
    return {"field": field, "op": op, "value": value}


@pytest.mark.parametrize(
    ("field", "op", "value", "places"),
    [
        ("name", "is", "łukasz ÉSZ", [0]),
        ("name", "is_not", "BO", [0, 1, 3]),
        ("name", "contains", "0%", [1]),
        ("name", "contains", "%", [1]),
        ("name", "starts", "Ł", [0]),
        ("name", "empty", "", [3]),
        ("name", "filled", "", [0, 1, 2]),
        ("age", "more", "9", [0, 2]),
        ("age", "less", "10,5", [1]),
        ("age", "is", "30.0", [0]),
        ("born", "more", "2000-01-01", [1]),
        ("born", "less", "2000-01-01", [0]),
        ("member", "is", "Yes", [0]),
        ("member", "is", "no", [1]),
        ("member", "is_not", "yes", [1, 2, 3]),
        ("name", "is", "' OR 1=1 --", []),
    ],
)
def test_every_comparison(form: Form, field: str, op: str, value: str, places: list) -> None:
    assert found(form, {"all": [row(field, op, value)]}) == places


def test_all_any_and_nested(form: Form) -> None:
    young, member = row("age", "less", 20), row("member", "is", "yes")
    assert found(form, {"all": [young, member]}) == []
    assert found(form, {"any": [young, member]}) == [0, 1, 2]
    assert found(form, {"all": [{"any": [young, member]}, row("name", "is", "Bo")]}) == [2]
    assert found(form, {}) == [0, 1, 2, 3]


@pytest.mark.parametrize(("words", "places"), [("ÉSZ łuk", [0]), ("ann 100%", [1]), ("_", [])])
def test_search_wants_every_word_somewhere(form: Form, words: str, places: list) -> None:
    assert found(form, {"search": words}) == places


@pytest.mark.parametrize(
    ("filter", "said"),
    [
        ({"all": [row("gone", "is", "x")]}, "no field gone"),
        ({"all": [row("name", "like", "x")]}, "no comparison like"),
        ({"all": [row("age", "more", "old")]}, "'old' is not a number"),
        ({"all": [row("name", "is", "x")] * 31}, "at most 30 conditions"),
        ({"all": [{"all": [{"all": [{"all": [{"all": [{"all": []}]}]}]}]}]}, "too deeply"),
    ],
)
def test_what_means_nothing_is_said(form: Form, filter: dict, said: str) -> None:
    with pytest.raises(filtering.FilterError, match=said):
        found(form, filter)


def test_no_other_forms_record_is_ever_selected(cast, form: Form) -> None:
    other = writing.create_form(cast.workspace, "Other", [("Name", FieldKind.TEXT)])
    writing.add_records(other, [{"name": "Bo"}], None, "made")
    db.session.commit()

    assert found(form, {"any": [row("name", "is", "Bo"), row("age", "more", 0)]}) == [0, 1, 2]


def test_who_cannot_be_written_to_is_found_by_a_field_of_addresses(form: Form) -> None:
    writing.add_field(form, "Email", FieldKind.EMAIL)
    rows = [{"email": "a@x.test"}, {"email": "nobody"}, {"name": "Cy"}]
    writing.add_records(form, rows, None, "made")

    assert found(form, {"all": [row("email", "unusable")]}) == [5, 6]
    with pytest.raises(filtering.FilterError, match="Name is not a field of addresses"):
        found(form, {"all": [row("name", "unusable")]})
