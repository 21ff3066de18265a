"""Texts from outside become fit to be shown and kept."""

import pytest

from webapp.lib import texts


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\x00b", "a b"),
        ("  a \r\n b\u2028c ", "a b c"),
        ("Zoë 李", "Zoë 李"),
        ("\x1b[31mred", "[31mred"),
    ],
)
def test_one_line_is_one_line(text: str, line: str) -> None:
    assert texts.one_line(text, 50) == line


def test_it_is_cut() -> None:
    assert texts.one_line("x" * 100, 10) == "x" * 10


def test_lines_may_be_kept() -> None:
    assert texts.printable("a\nb\x00") == "a\nb "


@pytest.mark.parametrize(
    ("text", "name"),
    [("Spring: a/b", "Spring_ a_b"), ("../..", "_"), (" .\n", "export"), ("李", "李")],
)
def test_a_file_name_leads_nowhere(text: str, name: str) -> None:
    assert texts.file_name(text) == name
