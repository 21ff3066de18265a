"""The books: read from one row, so that they balance at every instant."""

from datetime import UTC, datetime, timedelta

import pytest

from webapp.delivery import tallying
from webapp.delivery.models import Tally
from webapp.delivery.statuses import Group, Status

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EACH = {status.value: number for number, status in enumerate(Status, 1)}


def tally(**counts: int) -> Tally:
    return Tally(
        **dict.fromkeys(EACH, 0) | {"version": 1, "doubles": 0, "changed_at": NOW} | counts
    )


def test_every_status_is_in_exactly_one_part() -> None:
    parts = [status for statuses in tallying.PARTS.values() for status in statuses]

    assert sorted(parts) == sorted(Status)


def test_the_parts_and_the_three_add_up_to_everybody_selected() -> None:
    books = tallying.books(tally(**EACH))

    assert books.selected == sum(EACH.values()) == sum(books.parts.values())
    assert sum(books.groups.values()) == books.selected
    assert books.groups[Group.NOT_SENT] == books.not_sent


def test_no_tally_is_an_empty_book() -> None:
    assert tallying.books(None).selected == 0


@pytest.mark.parametrize(("status", "finished"), [("queued", False), ("retrying", False)])
def test_who_waits_or_is_tried_again_keeps_it_from_being_finished(status, finished) -> None:
    assert tallying.is_finished(tally(**{status: 1})) is finished
    assert tallying.is_finished(tally(delivered=1, unconfirmed=2))


@pytest.mark.parametrize(
    ("counts", "values", "settled"),
    [
        ({"delivered": 1}, {}, True),
        ({"sent": 1}, {}, False),
        ({"deferred": 1}, {}, False),
        ({"sent": 1}, {"reports": False}, True),  # nobody will say any more
        ({"delivered": 1}, {"is_over": False}, False),
        ({"sent": 1}, {"now": NOW + timedelta(hours=71)}, False),
        ({"sent": 1}, {"now": NOW + timedelta(hours=73)}, True),
    ],
)
def test_it_is_settled_when_no_word_is_expected(counts, values, settled) -> None:
    asked = {"is_over": True, "reports": True, "now": NOW + timedelta(minutes=1)} | values

    assert tallying.is_settled(tally(**counts), **asked) is settled
