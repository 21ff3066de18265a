"""Links that lead over us: those that may, and nothing else of the mail is another."""

import html
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webapp.mail import linking, template

FOOTER = '<a href="{{ unsubscribe_url }}">Unsubscribe</a>'
WORDS = st.text("abc<>&\"'{}[]()*#-_ \n", max_size=40).filter(
    lambda text: "{{" not in text and "{%" not in text
)
TARGETS = st.sampled_from(
    [
        "https://x.test/a?b=1&c=2",
        "http://y.test/#part",
        "mailto:a@x.test",
        "tel:+15550100",
        "#below",
        "{{ unsubscribe_url }}",
        "{{ link }}",
        "https://x.test/?n={{ name }}",
        "https://x.test/unsubscribe?me",
    ]
)


def html_of(body: str) -> str:
    return template.compose("Hi", body, FOOTER)[2]


def followed(body: str) -> dict[str, str]:
    """{target: words} of the links of `body` that are counted."""
    _, links = linking.follow(html_of(body), opens=False, clicks=True)
    return {link.target: link.words for link in links}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(WORDS, TARGETS), max_size=6))
def test_but_for_links_the_mail_is_the_same(parts) -> None:
    source = html_of("\n\n".join(f"{words} [here]({target})" for words, target in parts))

    made, links = linking.follow(source, opens=True, clicks=True)

    for link in links:
        slot = linking.slot_of(link.number)
        before = html.escape(link.target, quote=False)
        field = link.target.strip("{} ")
        made = made.replace(f"{{{{ {field} | followed: {slot} }}}}", before)
        made = made.replace(f"{{{{ {slot} }}}}", before)
    made = re.sub(r'<a href="{{ _link_0 }}".*?</a>|<img src="{{ _pixel }}".*?>', "", made)
    assert made == source


def test_web_addresses_are_counted_with_their_words() -> None:
    assert followed("[**Apply** now](https://x.test/a?b=1&c=2), <http://y.test>") == {
        "https://x.test/a?b=1&c=2": "Apply now",
        "http://y.test": "http://y.test",
    }


@pytest.mark.parametrize(
    "target",
    [
        *("mailto:a@x.test", "tel:+15550100", "#below", "ftp://x.test/a", "https:///x", "/here"),
        *("{{ unsubscribe_url }}", "https://x.test/unsubscribe", "https://{{ host }}/"),
    ],
)
def test_what_is_no_plain_web_address_stays(target) -> None:
    assert followed(f"[here]({target})") == {}


def test_a_merged_link_is_counted_only_where_its_values_are_frozen() -> None:
    assert followed("[here](https://x.test/?n={{ code }})") == {
        "https://x.test/?n={{ code }}": "here"
    }
    assert followed("{% assign code = 'x' %}[here](https://x.test/?n={{ code }})") == {}


def test_a_text_that_is_printed_as_it_stands_is_left_alone() -> None:
    source = html_of("{% raw %}[here](https://x.test){% endraw %}")

    assert linking.follow(source, opens=False, clicks=True) == (source, [])


def test_nothing_wanted_nothing_changed() -> None:
    source = html_of("[here](https://x.test)")

    assert linking.follow(source, opens=False, clicks=False) == (source, [])


def test_opens_alone_touch_no_link() -> None:
    made, links = linking.follow(html_of("[here](https://x.test)"), opens=True, clicks=False)

    assert links == []
    assert 'href="https://x.test"' in made
    assert "_link_" not in made


@pytest.mark.parametrize(
    ("target", "values", "leads_to"),
    [
        ("{{ link | safe_link }}", {"link": "https://x.test/a"}, "https://x.test/a"),
        ("{{ link | safe_link }}", {"link": "javascript:alert(1)"}, None),
        ("{{ link | safe_link }}", {"link": "mailto:a@x.test"}, None),
        ("{{ link | safe_link }}", {}, None),
        ("https://x.test/?n={{ n }}", {"n": "a\nSet-Cookie: x"}, "https://x.test/?n=a%0ASet-Cookie:%20x"),
    ],
)  # fmt: skip
def test_where_a_merged_link_leads(target, values, leads_to) -> None:
    assert linking.target_of(target, values) == leads_to


def test_each_link_bears_its_own_mark() -> None:
    marked = linking.marked(html_of("[a](https://x.test) [b](mailto:b@x.test) [c](https://y.test)"),
                            {1: "ONE", 2: "TWO"})  # fmt: skip

    assert re.findall(r">(\w+)</a>", marked)[:3] == ["aONE", "b", "cTWO"]
