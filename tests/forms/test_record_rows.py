"""The grid over records: sorted, paged, and patient with large forms."""

import pytest

from tests import makers
from webapp.extensions import db
from webapp.forms import grid, indexing, narrowing, record_rows, sorting, writing
from webapp.forms.models import FieldKind, Form
from webapp.forms.sources import Page

pytestmark = pytest.mark.database
ROWS = record_rows.RecordRows()


def names(page: Page) -> list[str]:
    return [row.cells["name"] for row in page.rows]


def all_names(form: Form, query: str) -> list[str]:
    """Every page after the other."""
    seen, asked = [], grid.read_text(query)
    while True:
        page = ROWS.page(form, asked)
        seen += names(page)
        if not page.next_cursor:
            return seen
        asked = grid.read_text(asked.url_values(after=page.next_cursor))


@pytest.fixture
def form(cast, monkeypatch) -> Form:
    """Thirty people, three of them named Bo and one without a name, in pages of four."""
    monkeypatch.setattr(grid, "PAGE_SIZE", 4)
    people = [(f"P{n:02}" if n % 10 else "Bo", f"p{n}@x.test") for n in range(29)] + [("", "x")]
    return makers.make_form(cast.workspace, people)


@pytest.mark.parametrize("query", ["", "sort=name", "sort=-name", "sort=name&sort=-email", "q=x"])
def test_paging_shows_every_row_once(form: Form, query: str) -> None:
    seen = all_names(form, query)
    assert len(seen) == 30
    assert len(set(seen)) == 28
    if query in ("sort=name", "sort=-name"):
        assert seen == sorted(seen, reverse=query.startswith("sort=-"))


def test_numbers_are_paged_as_numbers(form: Form) -> None:
    writing.add_field(form, "Age", FieldKind.NUMBER)
    writing.add_records(form, [{"name": f"A{n}", "age": n} for n in (9, 10, -5, 1.5)], None, "made")
    db.session.commit()
    assert all_names(form, "sort=age")[-4:] == ["A-5", "A1.5", "A9", "A10"]
    assert all_names(form, "sort=-age")[:4] == ["A10", "A9", "A1.5", "A-5"]


@pytest.mark.parametrize("values", [["x"], ["x", "y"], [None, 1], [5, 1], [["x"], 1]])
def test_a_cursor_of_another_sorting_begins_anew(form: Form, values: list) -> None:
    query = grid.read_text("sort=name&after=" + grid.make_cursor(values))
    assert names(ROWS.page(form, query)) == ["", "Bo", "Bo", "Bo"]


@pytest.fixture
def large(form: Form, monkeypatch) -> Form:
    """The same form, taken for a large one: five records are looked at, then ten."""
    monkeypatch.setattr(record_rows, "MAX_SORTED", 20)
    monkeypatch.setattr(record_rows, "LOOK", 5)
    monkeypatch.setattr(record_rows, "SPAN", 5)
    return form


def test_a_large_form_is_looked_through_span_by_span(large: Form) -> None:
    page = ROWS.page(large, grid.read_text("q=bo"))
    assert (names(page), page.looked_at) == ([], 5)

    query = grid.read_text("q=bo")
    further = ROWS.page(large, grid.read_text(query.url_values(after=page.next_cursor)))
    assert (names(further), further.looked_at) == (["Bo"], 15)
    assert all_names(large, "q=bo") == ["Bo"] * 3
    assert all_names(large, "q=zz") == []


def test_a_full_page_of_a_large_form_says_nothing_of_looking(large: Form, monkeypatch) -> None:
    monkeypatch.setattr(record_rows, "LOOK", 10)
    page = ROWS.page(large, grid.read_text("q=p"))

    assert (len(page.rows), page.looked_at) == (4, None)
    assert len(all_names(large, "q=x")) == 30


def test_the_index_of_a_large_form_tells_who_is_found_and_how_many(large: Form) -> None:
    while indexing.index_some():
        pass

    page = ROWS.page(large, grid.read_text("q=x.test+p1"))
    assert (len(page.rows), page.looked_at, page.total) == (4, None, 11)
    teens = [f"P{n}" for n in range(19, 10, -1)]
    assert all_names(large, "q=x.test+p1") == [*teens, "Bo", "P01"]

    nobody = ROWS.page(large, grid.read_text("q=nobody"))
    assert (nobody.rows, nobody.next_cursor, nobody.total) == ([], "", 0)


def test_the_index_narrows_a_form_that_is_sorted_too(form: Form, monkeypatch) -> None:
    monkeypatch.setattr(record_rows, "SPAN", 5)
    while indexing.index_some():
        pass

    page = ROWS.page(form, grid.read_text("q=x.test+p1&sort=name"))

    assert (names(page), page.total) == (["Bo", "P01", "P11", "P12"], 11)
    assert len(all_names(form, "q=x.test+p1&sort=name&field=name&op=is_not&value=Bo")) == 10


def test_a_search_that_the_index_will_tell_soon_says_so(large: Form, monkeypatch) -> None:
    monkeypatch.setattr(narrowing, "MOST", 8)

    assert ROWS.page(large, grid.read_text("q=nobody")).is_behind
    assert not ROWS.page(large, grid.read_text("q=zz")).is_behind
    assert all_names(large, "q=p1@x.test") == ["P01"]


def sort(form: Form, query: str) -> None:
    wanted = record_rows.asked(form, grid.read_text(query))
    sorting.run(sorting.ask(form.workspace, wanted).id)


def test_a_large_form_is_sorted_by_a_job(large: Form) -> None:
    waiting = ROWS.page(large, grid.read_text("sort=-name"))
    assert (waiting.wants_sorting, waiting.sorting) == (True, None)
    assert names(waiting) == names(ROWS.page(large, grid.read_text("")))

    sort(large, "sort=-name&sort=email&column=name")

    in_order = all_names(large, "sort=-name&sort=email")
    assert in_order == [*(f"P{n:02}" for n in range(28, -1, -1) if n % 10), *["Bo"] * 3, ""]
    assert ROWS.page(large, grid.read_text("sort=-name&sort=email")).total == 30


def test_what_is_sorted_is_what_the_search_and_filter_leave(large: Form) -> None:
    query = "q=x.test&field=name&op=is&value=Bo&sort=email"
    sort(large, query)

    assert all_names(large, query) == ["Bo"] * 3


def test_a_record_that_went_since_leaves_its_place(large: Form) -> None:
    sort(large, "sort=name")
    gone = [row.id for row in ROWS.page(large, grid.read_text("sort=name")).rows][:3]
    writing.delete_records(large, gone)
    db.session.commit()

    assert names(ROWS.page(large, grid.read_text("sort=name"))) == ["Bo"]
    assert len(all_names(large, "sort=name")) == 27
    assert ROWS.count(large, grid.read_text("q=bo")) is None
