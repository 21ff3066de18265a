"""Files for spreadsheets: every text stays the text it was, and nothing in them acts."""

import warnings
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import pytest

from webapp.forms import sheets
from webapp.forms.reading_csv import is_risky
from webapp.forms.sources import Column

COLUMNS = [Column("name", "=Name"), Column("n", "Number", "number"), Column("at", "At", "moment")]
RISKY = ["=1+1", "+1", "-1", "@x", "\t=1", '=HYPERLINK("http://x.test")', "http://x.test"]


def read(path: Path) -> list[list[openpyxl.cell.Cell]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of openpyxl's own
        return [list(row) for page in openpyxl.load_workbook(path) for row in page.iter_rows()]


def write(path: Path, rows: list[dict]) -> Path:
    sheet = sheets.XlsxSheet(path, COLUMNS)
    sheet.write(rows)
    sheet.close()
    return path


@pytest.mark.parametrize("text", RISKY)
def test_a_risky_text_is_a_text_also_when_it_is_edited(tmp_path, text: str) -> None:
    head, row = read(write(tmp_path / "x.xlsx", [{"name": text}]))

    assert (row[0].value, row[0].data_type, row[0].hyperlink) == (text, "s", None)
    assert row[0].quotePrefix or not is_risky(text)
    assert (head[0].value, head[0].data_type) == ("=Name", "s")


def test_numbers_and_times_are_such(tmp_path) -> None:
    at = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    _, first, second = read(
        write(tmp_path / "x.xlsx", [{"n": -5, "at": at}, {"n": "nan", "at": None}])
    )

    assert (first[1].value, first[2].value) == (-5, datetime(2026, 3, 1, 12, 30))  # noqa: DTZ001
    assert second[1].value == "nan"


def test_what_no_file_may_hold_is_left_out_and_the_rest_stays(tmp_path) -> None:
    rows = [{"name": "a\x00\x0b\uffffb"}, {"name": "x" * 40_000}, {"name": " 😀 \n"}]
    _, controls, long, odd = read(write(tmp_path / "x.xlsx", rows))

    assert controls[0].value == "ab"
    assert len(long[0].value) == sheets.CELL_CHARACTERS
    assert odd[0].value == " 😀 \n"


def test_more_rows_than_excel_takes_go_on_in_a_further_sheet(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(sheets, "SHEET_ROWS", 3)
    path = write(tmp_path / "x.xlsx", [{"name": f"p{n}"} for n in range(5)])

    names = [row[0].value for row in read(path)]
    assert names == ["=Name", "p0", "p1", "=Name", "p2", "p3", "=Name", "p4"]
