"""What stands in a grid's URL is what the grid shows, and nothing in it breaks the grid."""

import pytest

from webapp.forms import grid
from webapp.forms.grid import Query

FULL = Query(
    search="ann lee",
    filter={"any": [{"field": "name", "op": "is", "value": "Ö&="}]},
    sort=(("name", False), ("age", True)),
    columns=("age", "name"),
)


def test_a_query_survives_its_url() -> None:
    assert grid.read_text(FULL.url_values()) == FULL


def test_a_form_keeps_all_but_its_own_part() -> None:
    for part, names in {"search": {"q"}, "filter": {"match", "field", "op", "value"}}.items():
        kept = {name for name, _ in FULL.pairs(but=part)}
        assert kept == {"q", "match", "field", "op", "value", "sort", "column"} - names


def test_a_head_is_clicked_up_down_and_away() -> None:
    query = Query()
    for expected in ("ascending", "descending", "none"):
        query = Query(sort=query.sorted_by("name"))
        assert query.direction("name") == expected


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "bnVsbA==", "éé", "e30=" * 1000])
def test_a_cursor_of_nobody_is_no_cursor(cursor: str) -> None:
    assert grid.read_cursor(cursor) is None


def test_a_cursor_brings_its_values_back() -> None:
    assert grid.read_cursor(grid.make_cursor(["Zoë", 1.5, 7])) == ["Zoë", 1.5, 7]


def test_odd_arguments_are_left_out() -> None:
    query = grid.read_text("field=&op=is&value=x&sort=&sort=a&sort=b&sort=c&sort=d&q=" + "x" * 999)
    assert (query.filter, len(query.sort), len(query.search)) == ({}, 3, 200)
