"""A grid becomes a file: whole, in order, harmless, and for its maker only."""

import csv
from datetime import timedelta
from pathlib import Path

import pytest

from tests import makers
from tests.statements import said_while
from webapp.extensions import db
from webapp.forms import claiming, exporting, grid, writing
from webapp.forms.models import Export, FieldKind, Form

pytestmark = pytest.mark.database


def export(form: Form, query: str, by, folder: Path) -> Export:
    made = exporting.begin(form, grid.read_text(query), by)
    exporting.run(made.id, folder)
    return made


def table(made: Export, folder: Path) -> list[list[str]]:
    with (folder / made.path).open(newline="", encoding="utf-8-sig") as file:
        return list(csv.reader(file))


def test_more_rows_than_a_chunk_come_out_once_each(cast, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(exporting, "CHUNK", 10)
    monkeypatch.setattr("webapp.forms.record_rows.EXPORT_CHUNK", 10)
    form = makers.make_form(cast.workspace, [(f"P{n:02}", f"{n}@x.test") for n in range(25)])

    made = export(form, "column=name", cast.bob, tmp_path)

    assert table(made, tmp_path) == [["Name"], *([f"P{n:02}"] for n in range(25))]
    assert (made.stage, made.rows_done, made.rows_total) == ("finished", 25, 25)


def test_it_has_the_grids_filter_sorting_and_columns(cast, tmp_path) -> None:
    form = makers.make_form(cast.workspace, [(n, f"{n}@x.test") for n in ("Bo", "Ann", "Cy")])
    query = "sort=-name&column=email&field=name&op=is_not&value=Bo"

    made = export(form, query, cast.bob, tmp_path)

    assert table(made, tmp_path) == [["Email"], ["Cy@x.test"], ["Ann@x.test"]]


def test_what_a_search_leaves_is_counted_by_who_makes_the_file(cast, tmp_path, sign_in) -> None:
    form = makers.make_form(cast.workspace, [(n, f"{n}@x.test") for n in ("Bo", "Ann", "Cy")])
    made = exporting.begin(form, grid.read_text("q=ann"), cast.bob)
    page = sign_in(cast.bob).get(f"/w/acme/data/{form.id}/exports/{made.id}").text
    assert (made.rows_total, "Counting the rows" in page) == (0, True)

    said = said_while(lambda: exporting.run(made.id, tmp_path))

    assert sum("count(" in statement for statement in said) == 1
    assert (made.rows_done, made.rows_total) == (1, 1)
    assert exporting.begin(form, grid.read_text(""), cast.bob).rows_total == 3


def test_formulas_are_neutralised_and_numbers_are_not(cast, tmp_path) -> None:
    fields = [("=Name", FieldKind.TEXT), ("Amount", FieldKind.NUMBER)]
    form = writing.create_form(cast.workspace, "Sums", fields)
    rows = [{"name": "-1+1", "amount": -5}, {"name": "@x", "amount": 0.5}]
    writing.add_records(form, rows, None, "made")
    db.session.commit()

    made = export(form, "column=name&column=amount", cast.bob, tmp_path)

    assert table(made, tmp_path) == [["'=Name", "Amount"], ["'-1+1", "-5"], ["'@x", "0.5"]]


def test_a_worker_that_died_is_followed_and_leaves_no_half_file(cast, tmp_path, monkeypatch):
    form = makers.make_form(cast.workspace, [("Ann", "ann@x.test")])
    made = exporting.begin(form, grid.read_text(""), cast.bob)
    claiming.claim(Export, made.id)
    exporting.run(made.id, tmp_path)
    assert list(tmp_path.iterdir()) == []

    made.lease_until = None
    db.session.commit()
    assert exporting.waiting() == [made.id]
    exporting.run(made.id, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [made.path]


def test_a_filter_that_means_nothing_any_more_says_so(cast, tmp_path) -> None:
    form = makers.make_form(cast.workspace, [("Ann", "ann@x.test")])
    made = exporting.begin(form, grid.read_text(""), cast.bob)
    made.settings = {"query": "field=gone&op=is&value=x"}
    db.session.commit()
    exporting.run(made.id, tmp_path)

    assert (made.stage, made.error) == ("failed", "There is no field gone any more.")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_forgotten_after_a_day(cast, tmp_path) -> None:
    form = makers.make_form(cast.workspace, [("Ann", "ann@x.test")])
    made = export(form, "", cast.bob, tmp_path)
    made.finished_at -= timedelta(days=1)
    db.session.commit()

    exporting.forget_old(tmp_path)

    assert (made.path, list(tmp_path.iterdir())) == ("", [])


def test_only_its_maker_can_have_the_file(app, cast, sign_in) -> None:
    form = makers.make_form(cast.workspace, [("Ann", "ann@x.test")])
    made = export(form, "", cast.bob, app.config["SETTINGS"].data_dir / "exports")
    url = f"/w/acme/data/{form.id}/exports/{made.id}/file"

    answer = sign_in(cast.bob).get(url)
    assert answer.headers["Content-Disposition"] == "attachment; filename=People.csv"
    assert "ann@x.test" in answer.text
    assert sign_in(cast.alice).get(url).status_code == 404
