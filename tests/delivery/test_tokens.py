"""Tokens: nobody guesses one, and one kind opens no other door."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.delivery import tokens

KEY, OTHER = b"k" * 32, b"o" * 32
ids = st.integers(1, 2**63 - 1)


@given(ids)
def test_a_token_brings_its_copy_back_in_any_case_of_letters(number: int) -> None:
    token = tokens.copy_token(KEY, number)

    assert tokens.read_copy_token(KEY, token) == number
    assert tokens.read_copy_token(KEY, token.upper()) == number
    assert len(token) <= 48  # with a prefix it is a local part (64, RFC 5321 4.5.3.1.1)
    assert token.replace("-", "").isalnum()


@given(ids, st.integers(0, 39), st.sampled_from("abcxyz0189-_@"))
def test_one_other_character_is_no_token(number: int, place: int, character: str) -> None:
    token = tokens.copy_token(KEY, number)
    place %= len(token)
    changed = token[:place] + character + token[place + 1 :]

    assert changed == token or tokens.read_copy_token(KEY, changed) is None


def test_no_kind_reads_as_another() -> None:
    made = [tokens.copy_token(KEY, 7), tokens.unsubscribe_token(KEY, 7), tokens.test_token(KEY, 7)]

    assert len(set(made)) == 3
    assert [tokens.read_copy_token(KEY, each) for each in made] == [7, None, None]
    assert [tokens.read_unsubscribe_token(KEY, each) for each in made] == [None, 7, None]
    assert [tokens.read_test_token(KEY, each) for each in made] == [None, None, 7]


def test_another_installation_s_token_says_nothing() -> None:
    assert tokens.read_copy_token(OTHER, tokens.copy_token(KEY, 7)) is None


@pytest.mark.parametrize("text", ["", "-", "7", "7-", "-x", "0-x", "ä-ö", "7\x00-x", "z" * 10_000])
def test_any_text_is_refused_quietly(text: str) -> None:
    assert tokens.read_copy_token(KEY, text) is None
