"""What a Connection may send is shared exactly by all workers."""

from datetime import timedelta

import pytest

from tests import makers
from webapp.delivery import budgeting
from webapp.extensions import db
from webapp.lib import clock

pytestmark = pytest.mark.database


def test_without_limits_all_may_go(cast) -> None:
    connection = makers.make_connection(cast.workspace)

    assert budgeting.allowance(connection.id, 300) == 300


def test_a_rate_is_spent_half_a_second_ahead_and_no_further(cast) -> None:
    connection = makers.make_connection(cast.workspace, rate=10.0)
    assert budgeting.allowance(connection.id, 300) == 5

    connection.next_slot_at = booked_to = clock.now() + timedelta(hours=1)
    budgeting.spend(connection.id, 5)
    db.session.commit()

    assert connection.next_slot_at == booked_to + timedelta(seconds=0.5)
    assert budgeting.allowance(connection.id, 300) == 0


def test_what_was_not_taken_is_not_spent(cast) -> None:
    connection = makers.make_connection(cast.workspace, rate=10.0)
    budgeting.allowance(connection.id, 300)
    budgeting.spend(connection.id, 0)
    db.session.commit()

    assert budgeting.allowance(connection.id, 300) == 5


def test_a_daily_cap_ends_the_day_with_a_sentence(cast) -> None:
    connection = makers.make_connection(cast.workspace, daily_cap=7)
    budgeting.spend(connection.id, budgeting.allowance(connection.id, 5))
    assert budgeting.allowance(connection.id, 5) == 2
    budgeting.spend(connection.id, 2)

    assert budgeting.allowance(connection.id, 5) == 0
    db.session.commit()
    assert "limit of 7 mails" in connection.pause_reason
    assert connection.paused_until - clock.now() <= timedelta(days=1)


def test_yesterday_s_use_counts_no_more(cast) -> None:
    connection = makers.make_connection(
        cast.workspace, daily_cap=7, cap_day="2020-01-01", cap_used=7
    )

    assert budgeting.allowance(connection.id, 10) == 7


def test_seats_are_shared_and_come_back(cast) -> None:
    connection = makers.make_connection(cast.workspace, max_connections=3)

    assert budgeting.take_seats(connection.id, "a", 2, 60) == 2
    assert budgeting.take_seats(connection.id, "b", 2, 60) == 1
    assert budgeting.take_seats(connection.id, "c", 2, 60) == 0
    budgeting.leave_seats(connection.id, "a")
    assert budgeting.take_seats(connection.id, "c", 5, 60) == 2


def test_the_seats_of_the_dead_are_free(cast) -> None:
    connection = makers.make_connection(cast.workspace, max_connections=2)
    budgeting.take_seats(connection.id, "dead", 2, -1)

    assert budgeting.take_seats(connection.id, "b", 2, 60) == 2
