"""Forms, fields and records: made, changed with history, and gone with what belongs to them."""

import pytest
from sqlalchemy import func, select

from tests import makers
from webapp.extensions import db
from webapp.forms import writing
from webapp.forms.models import FieldKind, Form, Record, RecordAddress, RecordChange

pytestmark = pytest.mark.database


@pytest.fixture
def form(cast) -> Form:
    return makers.make_form(cast.workspace, [("Ann", "ann@x.test"), ("Bo", "nobody")])


def records() -> list[Record]:
    return list(db.session.scalars(select(Record).order_by(Record.id)))


def addresses() -> list[tuple[str, bool]]:
    rows = db.session.scalars(select(RecordAddress).order_by(RecordAddress.record_id))
    return [(row.address, row.address_key is not None) for row in rows]


def test_addresses_are_judged_as_they_are_written(form: Form) -> None:
    assert addresses() == [("ann@x.test", True), ("nobody", False)]
    assert form.record_count == 2


def test_an_edit_changes_address_search_and_history(cast, form: Form) -> None:
    bo = records()[1]
    assert writing.edit_record(bo, {"email": "BO@x.test", "name": "Bo"}, cast.alice)
    assert not writing.edit_record(bo, {"email": "BO@x.test"}, cast.alice)
    db.session.commit()

    assert addresses()[1] == ("BO@x.test", True)
    assert "bo@x.test" in bo.search
    change = db.session.scalars(select(RecordChange).order_by(RecordChange.id.desc())).first()
    assert (change.before, change.after) == ({"email": "nobody"}, {"email": "BO@x.test"})
    assert change.user_name == "Alice"


def test_deleting_counts_only_what_is_the_forms(cast, form: Form) -> None:
    other = makers.make_form(cast.workspace, [("Cy", "cy@x.test")])
    ids = [record.id for record in records()]

    assert writing.delete_records(form, [*ids, 999]) == 2
    db.session.commit()

    assert (form.record_count, other.record_count) == (0, 1)
    assert addresses() == [("cy@x.test", True)]


def test_a_field_goes_with_its_values(form: Form) -> None:
    name = form.fields[0]
    writing.delete_field(name)
    db.session.commit()

    assert [record.values for record in records()] == [{"email": "ann@x.test"}, {"email": "nobody"}]
    assert [record.search for record in records()] == ["ann@x.test", "nobody"]
    db.session.refresh(form)
    assert writing.add_field(form, "Name", FieldKind.NUMBER).key == "name"


def test_a_field_goes_and_the_others_stay_searchable(cast) -> None:
    fields = [("A", FieldKind.TEXT), ("B", FieldKind.YES_NO), ("C", FieldKind.NUMBER)]
    form = writing.create_form(cast.workspace, "F", fields)
    writing.add_records(form, [{"a": "É", "b": True, "c": 1.5}, {"a": "x"}], None, "made")
    db.session.commit()
    writing.delete_field(form.fields[0])
    db.session.commit()

    assert [(r.values, r.search) for r in records()] == [
        ({"b": True, "c": 1.5}, "true 1.5"),
        ({}, ""),
    ]


def test_a_new_email_field_has_a_blank_address_for_every_record(form: Form) -> None:
    field = writing.add_field(form, "Second email", FieldKind.EMAIL)
    writing.validate_addresses(form, field)
    db.session.commit()

    blank = select(func.count()).where(
        RecordAddress.field_id == field.id, RecordAddress.address_key.is_(None)
    )
    assert db.session.scalar(blank) == 2


@pytest.mark.parametrize(
    ("label", "key"),
    [("First name", "first_name"), ("Größe", "große"), ("李", "field"), ("2nd", "field_2nd"),
     ("Unsubscribe URL", "unsubscribe_url_2"), ("name", "name_2")],
)  # fmt: skip
def test_keys_are_plain_and_unique(form: Form, label: str, key: str) -> None:
    made = writing.add_field(form, label, FieldKind.TEXT).key
    assert made == key.replace("große", "groe")
