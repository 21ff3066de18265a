"""No value, whoever wrote it, adds a header, ends the block or hides a recipient."""

import email
import email.policy
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.lib import addresses
from webapp.mail import headers
from webapp.mail.headers import HeaderError
from webapp.mail.template import Copy, Source, Template

VALUES = [
    "a\r\nBcc: x@y.z", "a\nBcc: x@y.z", "a\rBcc: x@y.z", "a\r\n\r\nbody", "a\r\n Bcc: x@y.z",
    "=?utf-8?q?hi=0D=0ABcc:_x@y.z?=", "=?utf-8?b?aGkNCkJjYzogeEB5Lno=?=", "a\x00Bcc: x@y.z",
    "a\x85Bcc: x@y.z", "a\u2028Bcc: x@y.z", "a\u2029Bcc: x@y.z", "a\r\n", "\x0b\x0cBcc: x@y.z",
]  # fmt: skip
FIELDS = ["subject", "merged", "from_name", "name", "address", "from_address", "reply_to"]
EXPECTED = [
    "From", "To", "Subject", "Date", "Message-ID", "Reply-To", "List-Unsubscribe",
    "List-Unsubscribe-Post", "List-Id", "Feedback-ID", "X-Track", "MIME-Version", "Content-Type",
]  # fmt: skip


def mail_with(field: str, value: str) -> bytes:
    """A mail in which `value` stands at `field`."""
    parts = {"from_name": "Ann", "from_address": "ann@a.test", "reply_to": "re@a.test"}
    subject = value if field == "subject" else "Hello {{ who }}"
    source = Source(
        subject=subject, text="t", html="<p>h</p>", message_id_domain="a.test", list_id="w.a.test",
        feedback_id="1:1", **(parts | ({field: value} if field in parts else {})),
    )  # fmt: skip
    copy = Copy(
        token="tok",
        address=value if field == "address" else "bo@b.test",
        name=value if field == "name" else "Bo",
        values={"who": value if field == "merged" else "you"},
        date=datetime(2026, 1, 1, tzinfo=UTC),
        unsubscribe_url="https://a.test/u/1",
    )
    return Template(source, lambda token: {"X-Track": token}).fill(copy).content


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("field", FIELDS)
def test_a_value_stays_in_its_header_or_is_refused(field, value) -> None:
    try:
        content = mail_with(field, value)
    except HeaderError:
        assert field in ("address", "from_address", "reply_to")
        return
    for policy in (email.policy.default, email.policy.compat32):
        message = email.message_from_bytes(content, policy=policy)
        assert message.keys() == EXPECTED
        assert message["Bcc"] is None
        assert "\nBcc" not in "".join(str(message[name]) for name in EXPECTED)


@pytest.mark.parametrize("value", [value for value in VALUES if "=?" not in value])
def test_an_address_with_a_control_is_no_address(value) -> None:
    assert addresses.check(f"{value}@x.test").key is None


@given(st.text(max_size=300))
def test_any_text_makes_one_header_of_short_lines(text) -> None:
    encoded = headers.encode(text)

    headers.assert_intended(b"Subject: " + encoded, 1)
    assert all(len(line) <= 998 for line in encoded.split(b"\r\n"))


@given(st.text(alphabet=st.characters(exclude_categories=("Cc", "Zl", "Zp", "Cs")), max_size=120))
def test_a_text_comes_back_as_it_was_written(text) -> None:
    wire = b"Subject: " + headers.encode(text) + b"\r\n\r\n"
    read = str(email.message_from_bytes(wire, policy=email.policy.default)["Subject"])

    if "=?" not in text:
        assert read.split() == text.split()


@pytest.mark.parametrize("block", [b"A: 1\nB: 2", b"A: 1\rB: 2", b"A: \x00", b"A: 1\r\nB: 2"])
def test_a_block_that_is_not_as_meant_is_refused(block) -> None:
    with pytest.raises(HeaderError):
        headers.assert_intended(block, 1)
