"""What people type becomes what the field keeps, or a sentence."""

import pytest

from webapp.forms import values
from webapp.forms.models import Field, FieldKind


def field(kind: FieldKind, **more) -> Field:
    return Field(
        **{"key": "x", "label": "X", "kind": kind, "choices": [], "is_required": False} | more
    )


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (FieldKind.TEXT, " Zoë\x00\u2028 ", "Zoë"),
        (FieldKind.TEXT, "   ", None),
        (FieldKind.EMAIL, "not an address", "not an address"),
        (FieldKind.NUMBER, "1,234.50", 1234.5),
        (FieldKind.NUMBER, "3,5", 3.5),
        (FieldKind.NUMBER, "-7", -7),
        (FieldKind.NUMBER, "1 000", 1000),
        (FieldKind.DATE, "31.12.2025", "2025-12-31"),
        (FieldKind.DATE, "2025-12-31", "2025-12-31"),
        (FieldKind.YES_NO, "Ja", True),
        (FieldKind.YES_NO, "0", False),
    ],
)
def test_it_is_read(kind: FieldKind, text: str, value: object) -> None:
    assert values.read(field(kind), text) == value


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        (FieldKind.NUMBER, "old", "X must be a number, not “old”"),
        (FieldKind.NUMBER, "nan", "not a number that can be kept"),
        (FieldKind.NUMBER, "1e99", "not a number that can be kept"),
        (FieldKind.DATE, "31.13.2025", "X must be a date like"),
        (FieldKind.YES_NO, "perhaps", "X must be yes or no"),
        (FieldKind.TEXT, "x" * 10_001, "too long: at most 10,000"),
    ],
)
def test_it_is_refused_with_a_sentence(kind: FieldKind, text: str, said: str) -> None:
    with pytest.raises(values.ValueProblem, match=said):
        values.read(field(kind), text)


def test_a_choice_is_one_of_its_list() -> None:
    colour = field(FieldKind.CHOICE, choices=["Red", "Blue"])
    assert values.read(colour, "red") == "Red"
    with pytest.raises(values.ValueProblem, match="one of Red, Blue; not “green”"):
        values.read(colour, "green")


def test_what_must_be_filled_in_is_asked_for_but_not_of_an_address() -> None:
    with pytest.raises(values.ValueProblem, match="must be filled in"):
        values.read(field(FieldKind.TEXT, is_required=True), " ")
    assert values.read(field(FieldKind.EMAIL, is_required=True), "") is None


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [(FieldKind.YES_NO, False, "No"), (FieldKind.NUMBER, 3.0, "3"), (FieldKind.TEXT, None, "")],
)
def test_it_is_shown_as_people_write_it(kind: FieldKind, value: object, text: str) -> None:
    assert values.show(field(kind), value) == text
