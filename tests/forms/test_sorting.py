"""Orders that a job makes: asked for, made, as of a moment, made anew, forgotten."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from tests import makers
from webapp.extensions import db
from webapp.forms import claiming, grid, record_rows, sorting, writing
from webapp.forms.models import Form, SortedRows, Sorting
from webapp.forms.sorting import Asked

pytestmark = pytest.mark.database


@pytest.fixture
def form(cast) -> Form:
    return makers.make_form(cast.workspace, [(f"P{n:02}", "") for n in range(23)])


@pytest.fixture
def order(form: Form, monkeypatch) -> Sorting:
    """By name, downwards, in blocks of five."""
    monkeypatch.setattr(sorting, "BLOCK", 5)
    return sorting.ask(form.workspace, Asked("records", form.id, "sort=-name"))


def all_names(order: Sorting, size: int) -> list[str]:
    found, cursor = [], ""
    while not found or cursor:
        ids, cursor = sorting.page(order, cursor, size)
        found += [db.session.get_one(record_rows.Record, each).values["name"] for each in ids]
    return found


@pytest.mark.parametrize("size", [1, 4, 5, 7, 23, 50])
def test_pages_of_any_size_show_every_row_once(order: Sorting, size: int) -> None:
    sorting.run(order.id)

    assert (order.stage, order.rows_done) == ("finished", 23)
    assert all_names(order, size) == [f"P{n:02}" for n in range(22, -1, -1)]


def test_the_order_stays_as_of_its_moment_until_it_is_made_anew(form, order: Sorting) -> None:
    sorting.run(order.id)
    before = order.as_of
    writing.add_records(form, [{"name": "Zoe"}], None, "made")
    db.session.commit()
    assert all_names(order, 50)[0] == "P22"

    again = sorting.ask(form.workspace, Asked("records", form.id, "sort=-name"))
    assert (again, sorting.waiting()) == (order, [order.id])
    sorting.run(order.id)

    assert all_names(order, 50)[:2] == ["Zoe", "P22"]
    assert order.as_of > before
    assert db.session.scalar(select(func.count(Sorting.id))) == 1


def test_asking_twice_while_it_is_sorted_goes_on(form: Form, order: Sorting) -> None:
    fence = claiming.claim(Sorting, order.id)
    sorting.ask(form.workspace, Asked("records", form.id, "sort=-name"))
    assert sorting.waiting() == []

    sorting.run(order.id)
    assert (order.stage, order.fence) == ("running", fence)


@pytest.mark.parametrize("cursor", ["x", grid.make_cursor([-5]), grid.make_cursor(["a", 1])])
def test_a_cursor_that_was_tampered_with_begins_anew(order: Sorting, cursor: str) -> None:
    sorting.run(order.id)
    assert sorting.page(order, cursor, 3) == sorting.page(order, "", 3)
    assert sorting.page(order, grid.make_cursor([10**9]), 3) == ([], "")


def test_a_filter_that_means_nothing_any_more_says_so(form: Form) -> None:
    query = "field=gone&op=is&value=x&sort=name"
    order = sorting.ask(form.workspace, Asked("records", form.id, query))
    sorting.run(order.id)

    assert (order.stage, order.error) == ("failed", "There is no field gone any more.")


def test_a_form_that_went_meanwhile_has_no_rows(form: Form, order: Sorting) -> None:
    writing.delete_form(form)
    db.session.commit()
    sorting.run(order.id)

    assert sorting.page(order, "", 5) == ([], "")


def test_an_order_is_forgotten_after_a_day(order: Sorting) -> None:
    sorting.run(order.id)
    order.as_of -= timedelta(days=1)
    db.session.commit()

    sorting.give_up_hopeless()

    assert db.session.scalar(select(func.count()).select_from(SortedRows)) == 0
