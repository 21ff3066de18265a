"""Values as people write them, and as they are kept: typed by the field's kind."""

import math
import re
from datetime import date, datetime

from webapp.forms.models import Field, FieldKind
from webapp.lib import texts

MAX_TEXT = 10_000
_YES = {"yes", "y", "true", "1", "ja", "oui", "si", "sí", "x", "on"}
_NO = {"no", "n", "false", "0", "nein", "non", "off"}
_DATES = ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%Y/%m/%d", "%d-%m-%Y")


class ValueProblem(ValueError):
    """A value does not fit its field; the text says how to mend it."""


def read(field: Field, text: str | None) -> object:
    """`text` as the value of `field`: str, float or int, bool, ISO date text; None when blank.

    An email field keeps whatever was written: an address that cannot be used is a person that
    cannot be reached, and must stay visible as one. Raises ValueProblem.
    """
    text = texts.printable(text or "").strip()
    if not text:
        if field.is_required and field.kind != FieldKind.EMAIL:
            raise ValueProblem(f"{field.label} must be filled in.")
        return None
    if len(text) > MAX_TEXT:
        raise ValueProblem(f"{field.label} is too long: at most {MAX_TEXT:,} characters.")
    return _READERS.get(field.kind, _text)(field, text)


def show(field: Field, value: object) -> str:
    """A value as text, the way a person writes it."""
    if value is None:
        return ""
    if field.kind == FieldKind.YES_NO:
        return "Yes" if value else "No"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def is_iso_date(text: str) -> bool:
    """Whether a text can be nothing but a day: 2026-03-31."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _text(field: Field, text: str) -> str:
    return text


def _number(field: Field, text: str) -> int | float:
    plain = text.replace(" ", "").replace("\u00a0", "")
    if re.fullmatch(r"-?\d{1,3}(,\d{3})+(\.\d+)?", plain):
        plain = plain.replace(",", "")
    plain = plain.replace(",", ".")
    try:
        number = float(plain)
    except ValueError:
        raise ValueProblem(f"{field.label} must be a number, not “{text[:60]}”.") from None
    if not math.isfinite(number) or abs(number) > 1e15:
        raise ValueProblem(f"{field.label} is not a number that can be kept.")
    return int(number) if number.is_integer() else number


def _date(field: Field, text: str) -> str:
    for form in _DATES:
        try:
            return datetime.strptime(text, form).date().isoformat()  # noqa: DTZ007
        except ValueError:
            continue
    today = date(2026, 3, 31).isoformat()
    raise ValueProblem(f"{field.label} must be a date like {today}, not “{text[:60]}”.")


def _choice(field: Field, text: str) -> str:
    for choice in field.choices:
        if choice.casefold() == text.casefold():
            return choice
    known = ", ".join(field.choices[:8])
    raise ValueProblem(f"{field.label} must be one of {known}; not “{text[:60]}”.")


def _yes_no(field: Field, text: str) -> bool:
    if text.casefold() in _YES:
        return True
    if text.casefold() in _NO:
        return False
    raise ValueProblem(f"{field.label} must be yes or no, not “{text[:60]}”.")


_READERS = {
    FieldKind.NUMBER: _number,
    FieldKind.DATE: _date,
    FieldKind.CHOICE: _choice,
    FieldKind.YES_NO: _yes_no,
}
