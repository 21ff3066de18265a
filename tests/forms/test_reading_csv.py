"""What comes as CSV: found out, read, and refused with a sentence."""

import csv
import io

import pytest

from webapp.forms import reading_csv
from webapp.forms.reading_csv import Dialect, NotCsv

TABLE = [["Name", "Town"], ["Zoë", "Malmö"], ["José", "a, b; c"]]


def lines(content: bytes) -> list[tuple[int, list[str]]]:
    return [(line.number, line.cells) for line in reading_csv.rows(content, detect(content))]


def detect(content: bytes) -> Dialect:
    return reading_csv.detect(content)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\r\n", "\n", "\r"])
def test_every_usual_file_reads_the_same(encoding: str, delimiter: str, newline: str) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=newline).writerows(TABLE)

    assert [cells for _, cells in lines(text.getvalue().encode(encoding))] == TABLE


def test_one_column_has_no_delimiter() -> None:
    assert lines(b"Email\nann@x.test\n\nbo@x.test") == [
        (1, ["Email"]), (2, ["ann@x.test"]), (4, ["bo@x.test"])
    ]  # fmt: skip


def test_a_cell_may_have_lines_and_quotes() -> None:
    content = b'a,b\n"x\ny","say ""hi"""\n3,4\n'
    assert lines(content)[1:] == [(2, ["x\ny", 'say "hi"']), (4, ["3", "4"])]


def test_a_row_with_broken_quotes_is_named_and_the_rest_read() -> None:
    found = list(reading_csv.rows(b'a,b\n"x"y,1\n2,3\n', Dialect("utf-8", ",")))

    assert found[1].number == 2
    assert found[1].problem.startswith("This line cannot be split into cells")
    assert found[2].cells == ["2", "3"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "The file is empty"),
        (b"\xef\xbb\xbf  \n", "The file has no rows"),
        (b"PK\x03\x04", "not a CSV file"),
        ("a,b".encode("utf-16"), "not a CSV file"),
        (b"a\x00b", "not a CSV file"),
        (b'a,b\n1,2\n"open,1\n3,4\n', "Line 3: a quote is opened here and never closed"),
        (b'a\n"' + b"x" * 100_001 + b'"', "more than 100,000 characters"),
        (b"a\n" + b"," * 1_000_001, "the row is longer than 1,000,000 characters"),
        (b",".join([b"a"] * 201), "more than 200 columns"),
    ],
)
def test_what_cannot_be_read_is_said(content: bytes, said: str) -> None:
    with pytest.raises(NotCsv, match=said):
        read_all(content)


def read_all(content: bytes) -> None:
    dialect = detect(content)
    reading_csv.head_and_sample(content, dialect)
    list(reading_csv.rows(content, dialect))


def test_names_of_columns_are_fit_to_be_labels() -> None:
    names, sample = reading_csv.head_and_sample(b" Na\x00me ,,Name\n1,2,3\n", Dialect("utf-8", ","))
    assert names == ["Na me", "Column 2", "Name"]
    assert sample == [["1", "2", "3"]]


@pytest.mark.parametrize("start", list("=+-@\t\r\n") + ["\x00=", "＝", "＠"])
def test_no_cell_becomes_a_formula(start: str) -> None:
    assert reading_csv.safe_cell(start + "1+1").startswith("'")


@pytest.mark.parametrize("value", ["Ann", "a=b", "", None, 5])
def test_other_cells_stay_as_they_are(value: object) -> None:
    assert reading_csv.safe_cell(value) == ("" if value is None else str(value))
