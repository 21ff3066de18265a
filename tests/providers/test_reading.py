"""Strangers' JSON: read as far as it goes, and never a surprise."""

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.providers import reading
from webapp.providers.contract import Unreadable

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    "body", [b"", b"hello", b"[" * 200_000, b"[" + b"9" * 200_000 + b"]", b"\xff\xfe", b'{"a":']
)
def test_what_is_no_json_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        reading.load_json(body)


def test_of_a_name_given_twice_the_last_counts() -> None:
    assert reading.load_json(b'{"event": "delivered", "event": "bounce"}') == {"event": "bounce"}


@given(anything)
def test_any_value_becomes_a_clean_short_text(value) -> None:
    found = reading.text(value, 50)

    assert len(found) <= 50
    assert found.isprintable()
    found.encode()


@given(anything)
def test_any_value_becomes_a_time_with_a_zone_or_none(value) -> None:
    found = reading.moment(value)

    assert found is None or found.tzinfo is not None


NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        NOON.timestamp(),
        int(NOON.timestamp() * 1000),
        str(int(NOON.timestamp())),
        "2026-03-01T12:00:00+00:00",
        "2026-03-01T12:00:00Z",
        "2026-03-01T14:00:00+02:00",
        "2026-03-01T12:00:00",
    ],
)
def test_seconds_milliseconds_and_iso_texts_are_one_moment(value) -> None:
    assert reading.moment(value) == NOON


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e300, -1e300, [], {}, "soon"])
def test_what_is_no_time_is_none(value) -> None:
    assert reading.moment(value) is None


def test_the_same_bytes_are_the_same_delivery() -> None:
    assert reading.digest(b"x") == reading.digest(b"x") != reading.digest(b"x ")
