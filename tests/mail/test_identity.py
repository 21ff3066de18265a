"""Whatever the records hold and whichever way it goes, the same mail arrives: read by Python's
parser and by an independent one."""

import asyncio
import email
import email.policy
import re
from collections.abc import Iterator
from datetime import UTC, datetime

import fast_mail_parser
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.bench.processes import wait_until
from tests.mail.test_conversation import WAYS, server_at
from tests.postfix import Postfix, need_postfix
from tests.smtp_server import SmtpServer
from webapp.mail import template
from webapp.mail.conversation import Conversation
from webapp.mail.template import Copy, Source, Template

DATE = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
HOSTILE = st.one_of(
    st.text(min_size=1, max_size=300),
    st.text("=?utf-8qbQB_=0DA\r\n:.<>@ ", min_size=1, max_size=80),
    st.text(".\r\n", min_size=1, max_size=12),
    st.sampled_from(
        ["x" * 10_000, "é" * 3_000, "🎉\u202eabc\u202c", "a\0b", "\n.\n", "\r.\r", "=\r\n"]
    ),
)


def made(logic: bool) -> Template:
    slot = "{% if v %}{{ v }}{% endif %}" if logic else "{{ v }}"
    subject, text, html = template.compose(
        f"S {slot} E", f"Dear A{slot}Z,\n\n.dot {slot}", '<a href="{{ unsubscribe_url }}">Out</a>'
    )
    source = Source(
        subject, text, html, "Ann", "ann@acme.test", "", "acme.test", "l.acme.test", "1:1:b:x"
    )
    return Template(source, lambda token: {"X-Token": token})


TEMPLATES = {logic: made(logic) for logic in (False, True)}


def fill(logic: bool, value: str) -> template.Message:
    url = "https://app.test/u/1-t"
    return TEMPLATES[logic].fill(Copy("1-abc", "bo@x.test", value, {"v": value}, DATE, url))


def as_sent(value: str) -> str:
    """What of a value can arrive: surrogates cannot be encoded, line breaks are all alike."""
    value = value.encode("utf-8", "replace").decode()
    return value.replace("\r\n", "\n").replace("\r", "\n")


def by_python(content: bytes) -> tuple[list[str], str, str]:
    mail = email.message_from_bytes(content, policy=email.policy.default)
    text = mail.get_body(("plain",)).get_content().replace("\r\n", "\n")
    return [name for name, _ in mail.items()], str(mail["Subject"]), text


def by_another(content: bytes) -> tuple[list[str], str, str]:
    mail = fast_mail_parser.parse_email(content)
    names = [name for name, values in mail.headers.items() for _ in values]
    return names, mail.subject, mail.text_plain[0].replace("\r\n", "\n")


@settings(max_examples=200, deadline=None)
@given(HOSTILE, st.booleans())
@example("=?utf-8?q?hi=0D=0ABcc:_x@y.z?=", False)
@example("a\r\nBcc: x@y.z\r\n\r\nbody", True)
def test_two_parsers_read_the_same_headers_and_the_whole_text(value: str, logic: bool) -> None:
    content = fill(logic, value).content
    expected = sorted(by_python(fill(logic, "Bo").content)[0])

    for read in (by_python, by_another):
        names, _, text = read(content)
        assert sorted(names) == expected
        assert f"A{as_sent(value)}Z" in text
    assert b"\r\n.\r\n" not in content
    assert max(map(len, content.split(b"\r\n"))) <= 998


@settings(max_examples=100, deadline=None)
@given(HOSTILE)
def test_texts_with_logic_and_without_are_the_same_mail(value: str) -> None:
    assert by_another(fill(False, value).content) == by_another(fill(True, value).content)


@pytest.mark.parametrize("way", WAYS)
def test_the_octets_are_the_same_over_every_way(way: str) -> None:
    mails = hostile_mails()
    with SmtpServer(extensions=WAYS[way]) as server:
        asyncio.run(_deliver(server.port, mails))

    assert [content for _, content in server.ledger.mails] == [m.content + b".\r\n" for m in mails]


@pytest.fixture(scope="module")
def postfix() -> Iterator[tuple[Postfix, SmtpServer]]:
    """A real Postfix, and the server that it hands everything on to."""
    need_postfix()
    with SmtpServer() as server, Postfix({"x.test": f"smtp:[127.0.0.1]:{server.port}"}) as relay:
        yield relay, server


@pytest.mark.parametrize("way", WAYS)
def test_a_real_relay_hands_on_the_very_octets(postfix, way: str) -> None:
    relay, server = postfix
    mails = hostile_mails()
    asyncio.run(_deliver(relay.ports[way], mails))
    wait_until(lambda: len(server.ledger.mails) >= len(mails), "all mails at the next server", 60)

    arrived = [content.removesuffix(b".\r\n") for _, content in server.ledger.mails]
    server.ledger.mails.clear()
    assert all(content.startswith(b"Received: from ") for content in arrived)
    assert sorted(map(_without_received, arrived)) == sorted(mail.content for mail in mails)


def _without_received(content: bytes) -> bytes:
    """Without the one header that a relay writes on top."""
    return re.sub(rb"\AReceived: .*\r\n(?:[ \t].*\r\n)*", b"", content)


def hostile_mails() -> list[template.Message]:
    values: list[str] = []

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(HOSTILE)
    def collect(value: str) -> None:
        values.append(value)

    collect()
    return [fill(number % 2 == 0, value) for number, value in enumerate(values)]


async def _deliver(port: int, mails: list[template.Message]) -> None:
    talk = Conversation(server_at(port, step_seconds=30, answer_seconds=30))
    await talk.open()
    for mail in mails:
        await talk.deliver(mail)
    await talk.close()
