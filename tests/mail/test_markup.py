"""What people write becomes harmless HTML and readable text."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.mail import markup, merging


class Seen(HTMLParser):
    """Every tag and attribute of a text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: dict[str, str | None] = {}

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.add(tag)
        self.attributes |= dict(attrs)


@pytest.mark.parametrize(
    "source",
    [
        "<script>alert(1)</script>",
        '<img src=x onerror="alert(1)">',
        "![x](https://x.org/pixel.png)",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt&colon;alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "[x](vbscript:x)",
        "<style>body { display: none }</style>",
        "<iframe src=https://x.org></iframe>",
        "<svg/onload=alert(1)>",
        '[x](https://x.org "onmouseover=alert(1)")',
    ],
)
def test_nothing_that_acts_comes_through(source) -> None:
    seen = Seen()
    seen.feed(markup.to_html(source))

    assert seen.tags <= {"p", "a"}
    assert set(seen.attributes) <= {"href", "title", "rel"}
    assert seen.attributes.get("href", "https://").startswith("https://")


def test_a_link_of_a_record_leads_nowhere_dangerous() -> None:
    html = markup.to_html("[go]({{ site }})")

    assert "javascript" not in merging.render(html, {"site": "javascript:x"}, escaped=True)
    assert 'href="https://x.org"' in merging.render(html, {"site": "https://x.org"}, escaped=True)


def test_a_link_that_begins_with_logic_leads_nowhere() -> None:
    html = markup.to_html("[go]({% if 1 %}{{ site }}{% endif %})")

    assert 'href="#"' in html
    assert "site" not in html


def test_a_value_in_a_link_cannot_leave_its_attribute() -> None:
    html = markup.to_html("[go](https://x.org/{{ name }})")

    made = merging.render(html, {"name": '"><script>alert(1)</script>'}, escaped=True)
    assert "<script" not in made


def test_a_merge_field_survives_the_markup() -> None:
    source = '**{{ name | default: "friend" }}** _{{ a_b_c }}_'

    html = markup.to_html(source)

    assert '<strong>{{ name | default: "friend" }}</strong>' in html
    assert "<em>{{ a_b_c }}</em>" in html


def test_html_and_text_say_the_same() -> None:
    html = markup.to_html("# Hello\n\nDear *Ann*,\n\n- one\n- two\n\n[site](https://x.org)")

    assert markup.to_text(html) == "Hello\n\nDear Ann,\n\n- one\n- two\n\nsite <https://x.org>\n"


def test_a_whole_document_has_its_styles_on_the_elements() -> None:
    document = markup.wrap_html("<p><a href='https://x.org'>x</a> {{ name }}</p>", "foot")

    assert "<style" not in document
    assert "style=" in document.split("<a", 1)[1].split(">")[0]
    assert "{{ name }}" in document


def test_lists_and_tables_are_readable_as_text() -> None:
    html = markup.to_html("1. a\n2. b\n\n- x\n\n  more\n\n- y\n\n| a | b |\n|-|-|\n| 1 | 2 |")

    text = markup.to_text(html)

    assert "1. a\n2. b\n" in text
    assert "- x\n\nmore\n" in text
    assert "  1  2\n" in text


@given(st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters='"}%'), max_size=20))
def test_the_text_of_a_link_keeps_a_fall_back_whatever_is_quoted_in_it(quoted: str) -> None:
    tag = f'{{{{ name | default: "{quoted}" }}}}'

    text = markup.to_text(markup.to_html(f"[go](https://x.org/?n={tag}) or [yours]({tag})"))

    assert text == f"go <https://x.org/?n={tag}> or yours <{tag}>\n"


def test_a_field_that_is_its_own_link_is_said_once() -> None:
    assert markup.to_text(markup.to_html("[{{ site }}]({{ site }})")) == "{{ site }}\n"
