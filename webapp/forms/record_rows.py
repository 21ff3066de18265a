"""The records of a form as rows of its grid."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from sqlalchemy import Float, Select, Text, cast, func, select

from webapp.columns import folded
from webapp.extensions import db
from webapp.forms import filtering, grid, values
from webapp.forms.grid import Query
from webapp.forms.models import Field, FieldKind, Form, Record, RecordChange
from webapp.forms.sources import Column, Page, Row

# above this many records a sort by a value would read them all; by age it never does
MAX_SORTED = 100_000
SPAN = 50_000
PATIENCE_SECONDS = 0.5  # for one page of such a form under a filter
EXPORT_CHUNK = 1000
_COMPARING = (FieldKind.NUMBER, FieldKind.DATE)


class RecordRows:
    """The RowSource of ordinary forms."""

    is_editable = True
    is_searched = True

    def columns(self, form: Form) -> list[Column]:
        can_sort = form.record_count <= MAX_SORTED
        return [
            Column(
                field.key,
                field.label,
                field.kind,
                is_sortable=can_sort,
                operators=_operators(field),
            )
            for field in form.fields
        ] + [Column("changed_at", "Last change", "moment", is_shown=False, is_sortable=False)]

    def count(self, form: Form, query: Query) -> int | None:
        if not query.whole_filter:
            return form.record_count
        if form.record_count > MAX_SORTED:
            return None
        selected = filtering.selected_records(form, query.whole_filter).subquery()
        return db.session.scalar(select(func.count()).select_from(selected))

    def page(self, form: Form, query: Query) -> Page:
        if query.whole_filter and form.record_count > MAX_SORTED:
            return self._look(form, query)
        return self._page(form, query, grid.PAGE_SIZE, newest_first=True)

    def _look(self, form: Form, query: Query) -> Page:
        """A page of a large form: no index helps an arbitrary filter, so a span of records is
        looked at after the other, until the page is full or the patience over."""
        start, looked_at = _read_place(query.after)
        end = time.monotonic() + PATIENCE_SECONDS
        found: list[Record] = []
        while True:
            floor = _floor(form, start)
            found += _newest(form, query, start, floor, grid.PAGE_SIZE + 1 - len(found))
            if len(found) > grid.PAGE_SIZE:
                rows = [_row(form, record) for record in found[: grid.PAGE_SIZE]]
                return Page(rows, grid.make_cursor([rows[-1].id, looked_at]))
            looked_at += SPAN
            start = floor
            if start is None or time.monotonic() > end:
                break
        rows = [_row(form, record) for record in found]
        if start is None:
            return Page(rows, "")
        return Page(rows, grid.make_cursor([start, looked_at]), min(looked_at, form.record_count))

    def _page(self, form: Form, query: Query, size: int, newest_first: bool) -> Page:
        order = [*self._order(form, query), (Record.id, newest_first)]
        statement = select(Record, *(expression for expression, _ in order)).where(
            Record.form_id == form.id, filtering.condition(form, query.whole_filter)
        )
        found = db.session.execute(grid.keyset(statement, order, query.after, size)).all()
        shown, more = found[:size], len(found) > size
        return Page(
            [_row(form, line[0]) for line in shown],
            grid.make_cursor(shown[-1][1:]) if more else "",
        )

    def export(self, form: Form, query: Query) -> Iterator[dict[str, Any]]:
        """As sorted in the grid, else oldest first. Each chunk is read anew, so commits in between
        are no matter."""
        form_id, cursor = form.id, ""
        while True:
            form = db.session.get_one(Form, form_id)
            page = self._page(form, replace(query, after=cursor), EXPORT_CHUNK, newest_first=False)
            yield from (row.cells for row in page.rows)
            if not (cursor := page.next_cursor):
                return

    def record_page(self, form: Form, row_id: int) -> tuple[str, dict] | None:
        record = db.session.get(Record, row_id)
        if record is None or record.form_id != form.id:
            return None
        changes = db.session.scalars(
            select(RecordChange)
            .where(RecordChange.record_id == record.id)
            .order_by(RecordChange.id.desc())
            .limit(50)
        ).all()
        return "forms/_record_body.html", {
            "record": record,
            "changes": changes,
            "show": values.show,
        }

    def _order(self, form: Form, query: Query) -> list:
        if form.record_count > MAX_SORTED:
            return []
        fields = {field.key: field for field in form.fields}
        return [
            (_sort_expression(fields[key]), is_descending)
            for key, is_descending in query.sort
            if key in fields
        ]


def _read_place(cursor: str) -> tuple[int | None, int]:
    """(the id below which to go on, how many records were looked at before)."""
    match grid.read_cursor(cursor):
        case [int(start), int(looked_at)]:
            return start, looked_at
    return None, 0


def _floor(form: Form, start: int | None) -> int | None:
    """The id at the end of the span of records below `start`; None where the form ends before."""
    return db.session.scalar(
        _below(select(Record.id), form, start).order_by(Record.id.desc()).offset(SPAN - 1).limit(1)
    )


def _newest(form: Form, query: Query, start: int | None, floor: int | None, size: int) -> list:
    """Up to `size` records that the query selects, below `start` and not below `floor`."""
    statement = _below(select(Record), form, start).where(
        filtering.condition(form, query.whole_filter)
    )
    if floor is not None:
        statement = statement.where(Record.id >= floor)
    return list(db.session.scalars(statement.order_by(Record.id.desc()).limit(size)))


def _below(statement: Select, form: Form, start: int | None) -> Select:
    statement = statement.where(Record.form_id == form.id)
    return statement if start is None else statement.where(Record.id < start)


def _sort_expression(field: Field):
    column = filtering.value_of(field.key)
    if field.kind == FieldKind.NUMBER:
        return func.coalesce(cast(column, Float), -1e300)
    return func.coalesce(folded(cast(column, Text)), "")


def _operators(field: Field) -> tuple[str, ...]:
    usual = ("is", "is_not", "contains", "starts", "empty", "filled")
    return (
        ("is", "is_not", "more", "less", "empty", "filled") if field.kind in _COMPARING else usual
    )


def _row(form: Form, record: Record) -> Row:
    cells: dict[str, Any] = {
        field.key: values.show(field, record.values.get(field.key)) for field in form.fields
    }
    return Row(record.id, cells | {"changed_at": record.changed_at})
