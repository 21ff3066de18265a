"""Which addresses can be written to, and when two are one mailbox."""

import pytest

from webapp.lib import addresses


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        (" Ann@Example.ORG ", "ann@example.org"),
        ("zoë@bücher.example", "zoë@xn--bcher-kva.example"),
        ("zoë@xn--bcher-kva.example", "zoë@xn--bcher-kva.example"),
        ("a+tag@x.test", "a+tag@x.test"),
    ],
)
def test_a_good_address_has_a_key(typed: str, key: str) -> None:
    checked = addresses.check(typed)
    assert (checked.key, checked.problem) == (key, None)


@pytest.mark.parametrize(
    "typed",
    ["", None, "n/a", "two@@x.test", "ann@", "@x.test", "a b@x.test", "a@x.test, b@x.test",
     "Ann <a@x.test>", "a@x.test\r\nBcc: b@x.test", "a@x.test\x00", "a@\u2028x.test", "x" * 400],
)  # fmt: skip
def test_a_bad_one_has_a_sentence_and_stays_visible(typed: str | None) -> None:
    checked = addresses.check(typed)
    assert checked.key is None
    assert checked.problem
    assert checked.address.isprintable()
    assert len(checked.address) <= 320


@pytest.mark.parametrize(("address", "domain"), [("a@X.Test", "x.test"), ("a@b@c", "c"), ("", "")])
def test_the_domain_is_what_stands_behind_the_last_sign(address: str, domain: str) -> None:
    assert addresses.domain_of(address) == domain
