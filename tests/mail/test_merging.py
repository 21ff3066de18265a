"""The merge language: what people need, and nothing that harms."""

import time

import pytest

from webapp.mail import merging
from webapp.mail.merging import MergeError

LITERAL = {  # other languages' tags are printed as they stand
    "erb": "<%= 7*7 %>", "dollar": "${7*7}", "format": "%(name)s {0.__class__}", "hash": "#{7*7}",
}  # fmt: skip
REFUSED = {
    "class": "{{ ''.__class__.__mro__ }}", "class of a value": "{{ name.__class__ }}",
    "class by key": '{{ name["__class__"] }}', "self": "{{ self.__init__ }}",
    "sum": "{{ 7*7 }}", "call": "{{ config.items() }}", "ternary": "{{ name if name else 'x' }}",
    "os": "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "include": '{% include "/etc/passwd" %}', "render": "{% render 'x' %}",
    "extends": '{% extends "x" %}', "import": '{% import "os" %}', "liquid": "{% liquid echo a %}",
    "safe": "{{ name | safe }}", "map": '{{ "a,b" | split: "," | map: "__class__" }}',
    "where": '{{ "a,b" | split: "," | where: "__class__" }}', "base64": "{{ 1 | base64_encode }}",
    "unclosed": "{{ name", "unclosed tag": "{% if name", "open": "{{", "stray": "{% endif %}",
    "loop": "{% for i in (1..100000000) %}x{% endfor %}",
    "loops": "{% for i in (1..100) %}" * 8 + "x" + "{% endfor %}" * 8,
    "range": '{{ (1..100000000) | join: "x" }}', "size of a range": "{{ (1..9999999) | size }}",
    "squares": "{% assign x = 9 %}{% for i in (1..15) %}{% assign x = x | times: x %}{% endfor %}",
    "doubling": "{% assign a = 'aaaaaaaaaa' %}{% for i in (1..15) %}"
    "{% assign a = a | append: a %}{% endfor %}",
    "captures": "{% capture a %}aaaaaaaaaa{% endcapture %}{% for i in (1..15) %}"
    "{% capture a %}{{ a }}{{ a }}{% endcapture %}{% endfor %}",
    "replacing": '{% assign a = "' + "a" * 900 + '" %}{{ a | replace: "a", a }}',
    "long literal": '{{ "' + "a" * 100_000 + '" | upcase }}', "digits": "{{ " + "9" * 5000 + " }}",
    "nested": "{% if true %}" * 5000, "many": "{{ name }}" * 15_000, "opens": "{{" * 50_000,
    "pipes": "{{ name " + "| upcase " * 20_000 + "}}", "brackets": "{{ name" + "[" * 20_000 + "}}",
    "power": "{{ 9" + " | times: 999999999" * 40 + " }}", "zero": "{{ 1 | divided_by: 0 }}",
}  # fmt: skip


def render(source: str, **values) -> str:
    return merging.render(source, merging.merge_values({"name": "Ann"} | values))


@pytest.mark.parametrize("name", LITERAL)
def test_tags_of_other_languages_are_printed(name) -> None:
    assert render(LITERAL[name]) == LITERAL[name]


@pytest.mark.parametrize("name", REFUSED)
def test_an_attack_is_refused_with_a_sentence_at_once(name) -> None:
    begin = time.process_time()
    with pytest.raises(MergeError) as refused:
        render(REFUSED[name])

    assert str(refused.value).endswith(".")
    assert len(str(refused.value)) < 300
    assert time.process_time() - begin < 2  # without the limits the slow ones take minutes


def test_a_value_is_never_read_as_a_template() -> None:
    assert render("{{ name }}", name="{{ 7 | times: 7 }}{% for %}") == "{{ 7 | times: 7 }}{% for %}"


def test_values_are_escaped_in_html() -> None:
    values = {"name": "<script>alert('x')</script> & \"co\""}

    html = merging.render("{{ name }}", values, escaped=True)

    assert "<script" not in html
    assert "&lt;script&gt;" in html


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_a_blank_value_takes_its_fall_back(blank) -> None:
    assert render('Dear {{ name | default: "friend" }}', name=blank) == "Dear friend"


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_a_blank_value_without_fall_back_fails_that_copy(blank) -> None:
    with pytest.raises(MergeError, match="name is empty and has no fall-back"):
        render("Dear {{ name }}", name=blank)


def test_a_blank_value_is_false_in_a_condition() -> None:
    assert render("{% if name %}a{% else %}b{% endif %}", name="") == "b"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ name | upcase }}", "ANN"),
        ('{{ day | date: "%d.%m.%Y" }}', "01.12.2026"),
        ("{{ amount | plus: 1 }}", "8"),
        ("{% for each in (1..3) %}{{ each }}{% endfor %}", "123"),
        ('{{ "a,b" | split: "," | last }}', "b"),
    ],
)
def test_what_people_need_works(source, text) -> None:
    assert render(source, day="2026-12-01", amount=7) == text


def test_yes_and_no_are_words() -> None:
    assert render("{{ member }} {{ other }}", member=True, other=False) == "yes no"


def test_an_unknown_field_is_named_before_anything_is_sent() -> None:
    found = merging.problems({"subject": "{{ nmae }}", "body": "{{ name }}"}, {"name"})

    assert list(found) == ["subject"]
    assert "nmae" in found["subject"]


def test_plain_fields_are_split_for_the_fast_way() -> None:
    parts = merging.split('Dear {{ name | default: "friend" }}, hi')

    assert parts == ["Dear ", merging.Slot("name", "friend"), ", hi"]
    assert merging.split("{{ name | upcase }}") is None


@pytest.mark.parametrize(
    ("link", "kept"),
    [
        ("https://x.org/a", "https://x.org/a"),
        ("mailto:a@x.org", "mailto:a@x.org"),
        ("javascript:alert(1)", "#"),
        (" data:text/html,x", "#"),
        ("//x.org", "#"),
    ],
)
def test_only_harmless_links_are_kept(link, kept) -> None:
    assert merging.safe_link(link) == kept
