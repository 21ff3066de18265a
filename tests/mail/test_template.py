"""The mail that arrives is the mail that was meant, whatever the records hold."""

import email
import email.policy
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webapp.mail import merging, template
from webapp.mail.template import Copy, Source, Template

DATE = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
HOSTILE = [
    "=?utf-8?q?hi=0D=0ABcc:_x@y.z?=",
    "a\r\nBcc: x@y.z",
    "a\nBcc: x@y.z",
    "a\rBcc: x@y.z",
    "a\r\n\r\nbody",
    "a\x00b",
    "a\u2028Bcc: x@y.z",
    "a\u0085Bcc: x@y.z",
    "=?utf-8?b?YQ0KQmNjOiB4QHkueg==?=",
    "=?utf-8?q?a?= =?utf-8?q?=0ABcc:_x@y.z?=",
    "\ud800",
    "x" * 2000,
    "émoji 🎉 \u202eright to left",
]


def make_template(
    subject: str = "Hello {{ name }}", body: str = "Dear {{ name }},\n\n.dot"
) -> Template:
    subject, text, html = template.compose(subject, body, '<a href="{{ unsubscribe_url }}">Out</a>')
    return Template(
        Source(
            subject, text, html, "Ann of Acme", "ann@acme.test", "reply@acme.test", "acme.test",
            "list.acme.test", "1:1:bulk:x",
        ),
        lambda token: {"X-Token": token},
    )  # fmt: skip


def fill(made: Template, **values: object) -> bytes:
    return made.fill(
        Copy("1-abc", "bo@x.test", str(values.get("name", "")), values, DATE,
             "https://app.test/u/1-t")
    ).content  # fmt: skip


def parse(content: bytes) -> email.message.EmailMessage:
    return email.message_from_bytes(content, policy=email.policy.default)


def text_of(content: bytes, kind: str) -> str:
    return parse(content).get_body((kind,)).get_content().replace("\r\n", "\n")


def test_a_copy_has_every_header_of_a_bulk_mail() -> None:
    mail = parse(fill(make_template(), name="Bo"))

    assert mail["To"] == "Bo <bo@x.test>"
    assert mail["Subject"] == "Hello Bo"
    assert mail["Message-ID"] == "<1-abc@acme.test>"
    assert mail["Date"].datetime == DATE
    assert mail["List-Unsubscribe"] == "<https://app.test/u/1-t>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["X-Token"] == "1-abc"


def test_text_comes_before_html_and_both_are_merged() -> None:
    content = fill(make_template(), name="Bo & Co")

    assert [part.get_content_subtype() for part in parse(content).iter_parts()] == ["plain", "html"]
    assert "Dear Bo & Co,\n\n.dot" in text_of(content, "plain")
    assert "Dear Bo &amp; Co," in text_of(content, "html")


@pytest.mark.parametrize("value", HOSTILE)
def test_no_value_adds_a_header(value: str) -> None:
    made = make_template()
    expected = [name for name, _ in parse(fill(made, name="Bo")).items()]

    mail = parse(fill(made, name=value))

    assert [name for name, _ in mail.items()] == expected
    assert "y.z" not in str(mail["To"].addresses[0].addr_spec)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=400))
def test_lines_stay_legal_and_text_arrives(value: str) -> None:
    content = fill(make_template("Hi", 'A {{ name | default: "friend" }} Z'), name=value)

    assert content.replace(b"\r\n", b"").count(b"\n") == 0
    assert b"\r" not in content.replace(b"\r\n", b"")
    assert max(len(line) for line in content.split(b"\r\n")) <= 998
    assert not any(line.startswith(b".") for line in content.split(b"\r\n"))
    shown = value if value else "friend"
    expected = shown.encode("utf-8", "replace").decode().replace("\r\n", "\n").replace("\r", "\n")
    assert f"A {expected} Z" in text_of(content, "plain")


@settings(max_examples=80, deadline=None)
@given(st.text(min_size=1, max_size=60).filter(lambda value: value.strip() == value))
def test_logic_and_plain_slots_give_the_same_mail(value: str) -> None:
    plain = fill(make_template(body="A {{ name }} Z"), name=value)
    logic = fill(make_template(body="A {% if name %}{{ name }}{% endif %} Z"), name=value)

    assert text_of(plain, "plain") == text_of(logic, "plain")
    assert text_of(plain, "html") == text_of(logic, "html")


def test_a_blank_value_without_fall_back_fails_the_copy() -> None:
    with pytest.raises(merging.MergeError, match="name is empty and has no fall-back"):
        fill(make_template(), other="x")


def test_a_script_address_never_becomes_a_link() -> None:
    made = make_template("Hi", "[see]({{ url }})")

    html = text_of(fill(made, url="javascript:alert(1)", name="x"), "html")

    assert "javascript" not in html
