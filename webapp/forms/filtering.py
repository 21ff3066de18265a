"""Filters over the records of a form, as SQL that means the same on both databases.

A filter is plain JSON: {"all": [condition | filter, …]} or {"any": […]}, and {"search": "text"}
beside; {} is everybody. A condition is {"field": key, "op": "contains", "value": "x"}.
"""

from collections.abc import Mapping

from sqlalchemy import ColumnElement, Float, Select, and_, cast, exists, func, or_, select, true

from webapp.columns import folded
from webapp.extensions import db
from webapp.forms.models import Field, FieldKind, Form, Record, RecordAddress

OPERATORS: dict[str, str] = {
    "is": "is",
    "is_not": "is not",
    "contains": "contains",
    "starts": "starts with",
    "more": "is more than",
    "less": "is less than",
    "empty": "is empty",
    "filled": "is filled",
    "unusable": "cannot be written to",
}
MAX_CONDITIONS = 30


class FilterError(ValueError):
    """A filter speaks of what is not there; the text says of what."""


def selected_records(form: Form, filter: Mapping, until: int | None = None) -> Select:
    """SELECT of the ids of the records of `form` that `filter` selects, up to id `until`."""
    statement = select(Record.id).where(Record.form_id == form.id, condition(form, filter))
    return statement if until is None else statement.where(Record.id <= until)


def condition(form: Form, filter: Mapping) -> ColumnElement[bool]:
    """The WHERE of `filter`. Raises FilterError."""
    fields = {field.key: field for field in form.fields}
    clauses = [_group(fields, filter, depth=0)]
    if words := str(filter.get("search", "")).strip():
        clauses.append(search(words))
    return and_(*clauses)


def search(words: str) -> ColumnElement[bool]:
    """Records in which every word occurs somewhere."""
    return and_(*(Record.search.contains(word, autoescape=True) for word in words_of(words)))


def words_of(search: str) -> list[str]:
    """What is looked for, as Record.search has it."""
    return search.casefold().split()[:8]


def value_of(key: str) -> ColumnElement:
    """A value of a record as text; the key is bound, never written into the statement."""
    if db.session.get_bind().dialect.name == "postgresql":
        return func.jsonb_extract_path_text(Record.values, key)
    return func.json_extract(Record.values, '$."' + key.replace('"', "") + '"')


def _group(fields: Mapping[str, Field], group: Mapping, depth: int) -> ColumnElement[bool]:
    if depth > 4:
        raise FilterError("The filter is nested too deeply.")
    join = or_ if "any" in group else and_
    rows = group.get("any", group.get("all", []))
    if len(rows) > MAX_CONDITIONS:
        raise FilterError(f"A filter has at most {MAX_CONDITIONS} conditions.")
    clauses = [
        _group(fields, row, depth + 1) if "any" in row or "all" in row else _row(fields, row)
        for row in rows
    ]
    return join(*clauses) if clauses else true()


def _row(fields: Mapping[str, Field], row: Mapping) -> ColumnElement[bool]:
    key, operator, value = row.get("field", ""), row.get("op", "is"), str(row.get("value", ""))
    if key not in fields:
        raise FilterError(f"There is no field {key} any more.")
    kind, column = fields[key].kind, value_of(key)
    text = folded(cast(column, db.Text))
    if operator in ("more", "less"):
        return _compare(kind, column, operator, value)
    match operator:
        case "empty":
            return or_(column.is_(None), cast(column, db.Text) == "")
        case "filled":
            return and_(column.is_not(None), cast(column, db.Text) != "")
        case "contains":
            return text.contains(value.lower(), autoescape=True)
        case "starts":
            return text.startswith(value.lower(), autoescape=True)
        case "is":
            return _equals(kind, column, text, value)
        case "is_not":
            return or_(column.is_(None), ~_equals(kind, column, text, value))
        case "unusable":
            return _has_no_address(fields[key])
    raise FilterError(f"There is no comparison {operator}.")


def _has_no_address(field: Field) -> ColumnElement[bool]:
    if field.kind != FieldKind.EMAIL:
        raise FilterError(f"{field.label} is not a field of addresses.")
    return exists().where(
        RecordAddress.record_id == Record.id,
        RecordAddress.field_id == field.id,
        RecordAddress.address_key.is_(None),
    )


def _equals(kind: str, column, text, value: str) -> ColumnElement[bool]:
    if kind == FieldKind.NUMBER:
        return cast(column, Float) == _number(value)
    if kind == FieldKind.YES_NO:
        truth = value.lower() in ("yes", "true", "1")
        return text.in_(("true", "1") if truth else ("false", "0"))
    return text == value.lower()


def _compare(kind: str, column, operator: str, value: str) -> ColumnElement[bool]:
    if kind == FieldKind.NUMBER:
        column, bound = cast(column, Float), _number(value)
    else:
        column, bound = cast(column, db.Text), value
    return column > bound if operator == "more" else column < bound


def _number(value: str) -> float:
    try:
        return float(value.replace(",", "."))
    except ValueError:
        raise FilterError(f"{value!r} is not a number.") from None
