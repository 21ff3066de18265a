"""The records of a form as rows of its grid."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Float, Select, Text, cast, func, select

from webapp.columns import folded
from webapp.extensions import db
from webapp.forms import filtering, grid, narrowing, sorting, values
from webapp.forms.grid import Query
from webapp.forms.models import Field, FieldKind, Form, Record, RecordChange
from webapp.forms.sources import Column, Page, Row

# above this many records a job sorts by values, which reads them all; by age no one need
MAX_SORTED = 100_000
# of such a form, for a page under a filter: so many records are looked at before the index of a
# search is asked, and so many where that does not tell; twice as many by who goes on from there
LOOK = 1_000
SPAN = 10_000
EXPORT_CHUNK = 1000
SORTED = "records"
_COMPARING = (FieldKind.NUMBER, FieldKind.DATE)


class RecordRows:
    """The RowSource of ordinary forms."""

    is_editable = True
    is_searched = True

    def columns(self, form: Form) -> list[Column]:
        return [
            Column(field.key, field.label, field.kind, operators=_operators(field))
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
        if form.record_count > MAX_SORTED and _order(form, query):
            return self._in_order(form, query)
        return self._page_of(form, query)

    def _in_order(self, form: Form, query: Query) -> Page:
        """A page of a large form as a job sorted it; the newest first until it has."""
        found = sorting.find(asked(form, query))
        if found is None or not found.is_done:
            page = self._page_of(form, replace(query, sort=()))
            return replace(page, wants_sorting=True, sorting=found)
        ids, place = sorting.page(found, query.after, grid.PAGE_SIZE)
        records = {
            record.id: record
            for record in db.session.scalars(
                narrowing.only(select(Record), ids).where(Record.form_id == form.id)
            )
        }
        rows = [_row(form, records[each]) for each in ids if each in records]
        return Page(rows, place, total=found.rows_done, wants_sorting=True, sorting=found)

    def _page_of(self, form: Form, query: Query) -> Page:
        if query.whole_filter and form.record_count > MAX_SORTED:
            return _look(form, query)
        ids = _told(form, query) if form.record_count > SPAN else None
        page = self._page(form, query, grid.PAGE_SIZE, newest_first=True, ids=ids)
        return page if ids is None else replace(page, total=len(ids))

    def _page(
        self,
        form: Form,
        query: Query,
        size: int,
        newest_first: bool,
        ids: Sequence[int] | None = None,
    ) -> Page:
        own = _order(form, query) if form.record_count <= MAX_SORTED else []
        order = [*own, (Record.id, newest_first)]
        statement = narrowing.only(
            select(Record, *(expression for expression, _ in order)), ids
        ).where(Record.form_id == form.id, filtering.condition(form, query.whole_filter))
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


def asked(form: Form, query: Query) -> sorting.Asked:
    """What a job is asked to sort."""
    return sorting.Asked(SORTED, form.id, replace(query, columns=()).url_values())


def in_order(form_id: int, query: str) -> Select | None:
    """The ids of a form's records as `query` orders them. Raises FilterError."""
    form, read = db.session.get(Form, form_id), grid.read_text(query)
    if form is None:
        return None
    order = [*_order(form, read), (Record.id, True)]
    return filtering.selected_records(form, read.whole_filter).order_by(
        *(expression.desc() if down else expression.asc() for expression, down in order)
    )


def _order(form: Form, query: Query) -> list:
    fields = {field.key: field for field in form.fields}
    return [
        (_sort_expression(fields[key]), is_descending)
        for key, is_descending in query.sort
        if key in fields
    ]


def _look(form: Form, query: Query) -> Page:
    """A page of a large form: no index helps an arbitrary filter, so a span of records is looked at
    for it, unless that of a search tells which records it can find."""
    start, before = _read_place(query.after)
    if not before:
        page = _span(form, query, LOOK)
        if page.looked_at is None:
            return page
        ids = _told(form, query)
        if ids is not None:
            rest = [each for each in ids if start is None or each < start]
            found = _newest(form, query, start, ids=rest[: grid.PAGE_SIZE + 1])
            more = grid.make_cursor([found[grid.PAGE_SIZE - 1].id, 0]) if _is_over(found) else ""
            return Page(_rows(form, found), more, total=len(ids))
    page = _span(form, query, 2 * SPAN if before else SPAN)
    is_behind = page.looked_at is not None and narrowing.is_behind(form, query.search)
    return replace(page, is_behind=is_behind)


def _told(form: Form, query: Query) -> Sequence[int] | None:
    """The ids of all records that the query selects, the newest first, where the index of a search
    tells them."""
    ids = narrowing.narrow(form, query.search)
    if ids is None:
        return None
    statement = _below(narrowing.only(select(Record.id), ids), form, None)
    statement = statement.where(filtering.condition(form, query.whole_filter))
    return db.session.scalars(statement.order_by(Record.id.desc())).all()


def _span(form: Form, query: Query, size: int) -> Page:
    """What is found among `size` records. `looked_at` is not said where the page is full, or the
    form ends."""
    start, before = _read_place(query.after)
    floor = _floor(form, start, size)
    found = _newest(form, query, start, floor)
    rows = _rows(form, found)
    if _is_over(found):
        return Page(rows, grid.make_cursor([rows[-1].id, before]))
    if floor is None:
        return Page(rows, "")
    looked_at = before + size
    return Page(rows, grid.make_cursor([floor, looked_at]), min(looked_at, form.record_count))


def _read_place(cursor: str) -> tuple[int | None, int]:
    """(the id below which to go on, how many records were looked at before)."""
    match grid.read_cursor(cursor):
        case [int(start), int(looked_at)] if 0 < start < 2**63 and looked_at >= 0:
            return start, looked_at
    return None, 0


def _floor(form: Form, start: int | None, size: int) -> int | None:
    """The id at the end of the span of records below `start`; None where the form ends before."""
    ids = _below(select(Record.id), form, start).order_by(Record.id.desc())
    return db.session.scalar(ids.offset(size - 1).limit(1))


def _newest(
    form: Form,
    query: Query,
    start: int | None,
    floor: int | None = None,
    ids: Sequence[int] | None = None,
) -> Sequence[Record]:
    """The records of a page and one more: those that the query selects, below `start` and not below
    `floor`."""
    statement = _below(narrowing.only(select(Record), ids), form, start).where(
        filtering.condition(form, query.whole_filter)
    )
    if floor is not None:
        statement = statement.where(Record.id >= floor)
    return db.session.scalars(statement.order_by(Record.id.desc()).limit(grid.PAGE_SIZE + 1)).all()


def _is_over(found: Sequence[Record]) -> bool:
    return len(found) > grid.PAGE_SIZE


def _below(statement: Select, form: Form, start: int | None) -> Select:
    statement = statement.where(Record.form_id == form.id)
    return statement if start is None else statement.where(Record.id < start)


def _sort_expression(field: Field):
    column = filtering.value_of(field.key)
    if field.kind == FieldKind.NUMBER:
        return func.coalesce(cast(column, Float), -1e300)
    return func.coalesce(folded(cast(column, Text)), "")


def _operators(field: Field) -> tuple[str, ...]:
    if field.kind in _COMPARING:
        return ("is", "is_not", "more", "less", "empty", "filled")
    usual = ("is", "is_not", "contains", "starts", "empty", "filled")
    return (*usual, "unusable") if field.kind == FieldKind.EMAIL else usual


def _rows(form: Form, found: Sequence[Record]) -> list[Row]:
    """Those of a page."""
    return [_row(form, record) for record in found[: grid.PAGE_SIZE]]


def _row(form: Form, record: Record) -> Row:
    cells: dict[str, Any] = {
        field.key: values.show(field, record.values.get(field.key)) for field in form.fields
    }
    return Row(record.id, cells | {"changed_at": record.changed_at})
