"""CSV as it comes: found out what it is, read line by line, never guessed at silently."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

from webapp.lib import texts

DELIMITERS = (",", ";", "\t")
MAX_FIELD = 100_000
MAX_COLUMNS = 200
MAX_ROW = 1_000_000  # characters: what one row may take of memory


class NotCsv(ValueError):
    """The file cannot be read as a table; the text says what to do."""


@dataclass(frozen=True)
class Dialect:
    encoding: str
    delimiter: str


@dataclass(frozen=True)
class Line:
    """One row of a file: the line where it begins (the head is line 1), and its cells; `problem`
    says why they cannot be told apart."""

    number: int
    cells: list[str]
    problem: str = ""


def detect(content: bytes) -> Dialect:
    """UTF-8 with or without BOM, else Windows-1252; the delimiter that splits the head best."""
    if not content.strip():
        raise NotCsv("The file is empty.")
    if content[:2] in (b"PK", b"\xd0\xcf", b"\xff\xfe", b"\xfe\xff") or b"\x00" in content[:4096]:
        raise NotCsv("This is not a CSV file. In your spreadsheet choose “Save as” and then CSV.")
    encoding = _encoding(content)
    head = content[:20_000].decode(encoding, "replace").splitlines()[:20]
    delimiter = max(DELIMITERS, key=lambda each: _columns(head, each))
    return Dialect(encoding, delimiter)


def rows(content: bytes, dialect: Dialect) -> Iterator[Line]:
    """The rows of a file, blank ones left out. A row whose quotes are broken has a `problem`.

    Raises NotCsv where a quote is never closed, or a row takes more than MAX_ROW characters.
    """
    csv.field_size_limit(MAX_FIELD)
    text = io.TextIOWrapper(io.BytesIO(content), dialect.encoding, errors="replace", newline="")
    lines = _Lines(text)
    reader = csv.reader(lines, delimiter=dialect.delimiter, strict=True)
    while True:
        begin = reader.line_num + 1
        lines.room = MAX_ROW
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Line(begin, [], _problem(begin, reader.line_num, str(error)))
            continue
        if any(cell.strip() for cell in cells):
            yield Line(begin, cells)


def head_and_sample(content: bytes, dialect: Dialect, size: int = 5) -> tuple[list[str], list]:
    """The names of the columns and the first rows. Raises NotCsv."""
    found = [line for _, line in zip(range(size + 1), rows(content, dialect), strict=False)]
    if not found:
        raise NotCsv("The file has no rows.")
    if found[0].problem:
        raise NotCsv(found[0].problem)
    if len(found[0].cells) > MAX_COLUMNS:
        raise NotCsv(f"The file has more than {MAX_COLUMNS} columns. Leave some out.")
    names = [
        texts.one_line(cell, 120) or f"Column {number}"
        for number, cell in enumerate(found[0].cells, 1)
    ]
    return names, [line.cells for line in found[1:]]


def safe_cell(value: object) -> str:
    """A cell that no spreadsheet takes for a formula (OWASP: CSV injection)."""
    text = "" if value is None else str(value)
    text = text.replace("\x00", "")
    return "'" + text if is_risky(text) else text


def is_risky(text: str) -> bool:
    """Whether a spreadsheet might take it for a formula."""
    return re.match(r"[=+\-@\t\r\n＝＋－＠]", text) is not None


class _Lines:
    """Lines of `text` while there is `room`: a row never takes more memory than it should."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self.text = text
        self.number = 0
        self.room = MAX_ROW

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self.text.readline(self.room + 1)
        if not line:
            raise StopIteration
        self.number += 1
        self.room -= len(line)
        if self.room < 0:
            raise NotCsv(
                f"Line {self.number}: the row is longer than {MAX_ROW:,} characters."
                " Look for a quote that is not closed."
            )
        return line


def _problem(begin: int, end: int, error: str) -> str:
    """Why the lines from `begin` to `end` are no row. Raises NotCsv where the file just ended."""
    if "unexpected end" in error:
        raise NotCsv(f"Line {begin}: a quote is opened here and never closed.")
    if "field larger" in error:
        raise NotCsv(
            f"Line {begin}: a cell has more than {MAX_FIELD:,} characters."
            " Look for a quote that is not closed."
        )
    where = "This line" if begin == end else f"The lines {begin} to {end}"
    return f"{where} cannot be split into cells: a quote inside a quoted cell must be doubled."


def _encoding(content: bytes) -> str:
    try:
        content.decode("utf-8-sig")
        return "utf-8-sig"
    except UnicodeDecodeError:
        return "cp1252"


def _columns(head: list[str], delimiter: str) -> tuple[int, int]:
    """How many columns the head has, if the lines below agree."""
    widths = [len(cells) for cells in csv.reader(head, delimiter=delimiter)]
    first = widths[0] if widths else 1
    return (first if first > 1 else 0, widths.count(first))
