"""Tokens open one door each, and only as they were made."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.lib import signing

KEY = b"k" * 32


@given(st.integers(1, 2**63 - 1))
def test_a_token_brings_its_row_back_in_any_case(row_id: int) -> None:
    token = signing.make_token(KEY, "copy", row_id)
    assert signing.read_token(KEY, "copy", token.upper()) == row_id
    assert token == token.lower()
    assert len(token) <= 48


@given(st.text())
def test_nothing_else_is_a_token(text: str) -> None:
    assert signing.read_token(KEY, "copy", text) is None


def test_one_flipped_character_is_none() -> None:
    token = signing.make_token(KEY, "copy", 123456)
    for place, character in enumerate(token):
        other = "a" if character != "a" else "b"
        assert signing.read_token(KEY, "copy", token[:place] + other + token[place + 1 :]) is None


@pytest.mark.parametrize(("key", "kind"), [(b"o" * 32, "copy"), (KEY, "unsubscribe")])
def test_another_key_or_kind_opens_nothing(key: bytes, kind: str) -> None:
    token = signing.make_token(KEY, "copy", 7)
    assert signing.read_token(key, kind, token) is None


def test_keys_differ_by_purpose_and_secret() -> None:
    keys = {signing.derive_key(s, p) for s in ("one", "two") for p in ("tokens", "fernet")}
    assert len(keys) == 4
    assert {len(key) for key in keys} == {32}
