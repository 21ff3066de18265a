"""The kinds of file a grid becomes, written row by row in flat memory and harmless when opened."""

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import xlsxwriter

from webapp.forms.reading_csv import is_risky, safe_cell
from webapp.forms.sources import Column

SHEET_ROWS = 1_048_576  # what Excel takes (its "specifications and limits"), the head included
CELL_CHARACTERS = 32_767  # likewise
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")  # XML 1.0 section 2.2


class Sheet(Protocol):
    """A file being written: a head, then rows as {column key: value}."""

    def write(self, rows: Sequence[dict[str, Any]]) -> None: ...

    def close(self) -> None:
        """The file is whole after this, and not before."""
        ...


class CsvSheet:
    """UTF-8 with a BOM, so that Excel reads it as such; a formula becomes text by its quote."""

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._file = path.open("w", newline="", encoding="utf-8-sig")
        self._writer = csv.writer(self._file)
        self._writer.writerow([safe_cell(column.label) for column in columns])

    def write(self, rows: Sequence[dict[str, Any]]) -> None:
        for cells in rows:
            self._writer.writerow([self._cell(cells.get(c.key), c) for c in self._columns])

    def close(self) -> None:
        self._file.close()

    @staticmethod
    def _cell(value: object, column: Column) -> str:
        if isinstance(value, datetime):
            return value.isoformat(" ", "seconds")
        return str(value) if column.kind == "number" and is_number(value) else safe_cell(value)


class XlsxSheet:
    """Office Open XML (ECMA-376): texts are texts, never formulas or links. Times are UTC, as its
    cells know no zone. More rows than Excel takes go on in a further sheet."""

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        self._columns = columns
        options = {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "tmpdir": str(path.parent),
        }
        self._book = xlsxwriter.Workbook(str(path), options)
        self._head = self._book.add_format({"bold": True})
        self._moment = self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        self._plain = self._book.add_format({"quote_prefix": True})  # text, also once edited
        self._pages = count(1)
        self._begin_page()

    def write(self, rows: Sequence[dict[str, Any]]) -> None:
        for cells in rows:
            if self._row == SHEET_ROWS:
                self._begin_page()
            for place, column in enumerate(self._columns):
                self._put(place, cells.get(column.key), column)
            self._row += 1

    def close(self) -> None:
        self._book.close()

    def _begin_page(self) -> None:
        self._page = self._book.add_worksheet(f"Rows {next(self._pages)}")
        self._page.freeze_panes(1, 0)
        for place, column in enumerate(self._columns):
            self._page.set_column(place, place, 12 if column.kind == "number" else 24)
            utc = " (UTC)" if column.kind == "moment" else ""
            self._page.write_string(0, place, _text(column.label) + utc, self._head)
        self._row = 1

    def _put(self, place: int, value: object, column: Column) -> None:
        if value is None or value == "":
            return
        if isinstance(value, datetime):
            naive = value.astimezone(UTC).replace(tzinfo=None)
            self._page.write_datetime(self._row, place, naive, self._moment)
        elif column.kind == "number" and is_number(value):
            self._page.write_number(self._row, place, float(str(value)))
        else:
            text = _text(value)
            risky = self._plain if is_risky(text) else None
            self._page.write_string(self._row, place, text, risky)


@dataclass(frozen=True)
class Kind:
    """What a person chooses between."""

    label: str
    mimetype: str
    sheet: Callable[[Path, Sequence[Column]], Sheet]


KINDS = {
    "csv": Kind("CSV", "text/csv", CsvSheet),
    "xlsx": Kind(
        "Excel (XLSX)",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        XlsxSheet,
    ),
}


def is_number(value: object) -> bool:
    """Whether it is a finite number and nothing else: -5 is no formula."""
    try:
        return abs(float(str(value))) < float("inf")
    except ValueError:
        return False


def _text(value: object) -> str:
    return _CONTROLS.sub("", str(value))[:CELL_CHARACTERS]
