"""CSV as it comes: found out what it is, read line by line, never guessed at silently."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

DELIMITERS = (",", ";", "\t")
MAX_FIELD = 100_000
MAX_COLUMNS = 200


class NotCsv(ValueError):
    """The file cannot be read as a table; the text says what to do."""


@dataclass(frozen=True)
class Dialect:
    encoding: str
    delimiter: str


def detect(content: bytes) -> Dialect:
    """UTF-8 with or without BOM, else Windows-1252; the delimiter that splits the head best."""
    if not content.strip():
        raise NotCsv("The file is empty.")
    if content[:2] in (b"PK", b"\xd0\xcf") or b"\x00" in content[:4096]:
        raise NotCsv("This is not a CSV file. In your spreadsheet choose “Save as” and then CSV.")
    encoding = _encoding(content)
    head = content[:20_000].decode(encoding, "replace").splitlines()[:20]
    delimiter = max(DELIMITERS, key=lambda each: _columns(head, each))
    return Dialect(encoding, delimiter)


def rows(content: bytes, dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """(line number where the row begins, its cells), blank rows left out; the head is line 1.
    Raises NotCsv where a quote is never closed."""
    csv.field_size_limit(MAX_FIELD)
    text = io.TextIOWrapper(io.BytesIO(content), dialect.encoding, errors="replace", newline="")
    reader = csv.reader(text, delimiter=dialect.delimiter)
    begin = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield begin, cells[:MAX_COLUMNS]
            begin = reader.line_num + 1
    except csv.Error as error:
        raise NotCsv(
            f"Line {reader.line_num}: {error}. Look for a quote that is not closed."
        ) from None


def head_and_sample(content: bytes, dialect: Dialect, size: int = 5) -> tuple[list[str], list]:
    """The names of the columns and the first rows. Raises NotCsv."""
    found = [cells for _, (_, cells) in zip(range(size + 1), rows(content, dialect), strict=False)]
    if not found:
        raise NotCsv("The file has no rows.")
    names = [cell.strip() or f"Column {number}" for number, cell in enumerate(found[0], 1)]
    return names, found[1:]


def safe_cell(value: object) -> str:
    """A cell that no spreadsheet takes for a formula (OWASP: CSV injection)."""
    text = "" if value is None else str(value)
    text = text.replace("\x00", "")
    return "'" + text if re.match(r"[=+\-@\t\r]", text) else text


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
