"""The records of a form as rows of its grid."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from sqlalchemy import Float, Text, cast, func, select

from webapp.extensions import db
from webapp.forms import filtering, grid, values
from webapp.forms.grid import Query
from webapp.forms.models import Field, FieldKind, Form, Record, RecordChange
from webapp.forms.sources import Column, Page, Row

# above this many records a sort by a value would read them all; by age it never does
MAX_SORTED = 100_000
EXPORT_CHUNK = 1000
_COMPARING = (FieldKind.NUMBER, FieldKind.DATE)


class RecordRows:
    """The RowSource of ordinary forms."""

    is_editable = True

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
        return self._page(form, query, grid.PAGE_SIZE, newest_first=True)

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
            db.session.expunge_all()
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


def _sort_expression(field: Field):
    column = filtering.value_of(field.key)
    if field.kind == FieldKind.NUMBER:
        return func.coalesce(cast(column, Float), -1e300)
    return func.coalesce(func.lower(cast(column, Text)), "")


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
