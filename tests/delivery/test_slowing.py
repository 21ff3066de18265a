"""What one worker learns of a destination binds all workers of the Connection."""

from datetime import timedelta

import pytest

from tests import makers
from webapp.delivery import slowing
from webapp.extensions import db
from webapp.lib import clock

pytestmark = pytest.mark.database


@pytest.fixture
def connection_id(cast) -> int:
    return makers.make_connection(cast.workspace).id


def test_who_never_complained_is_free(connection_id: int) -> None:
    assert slowing.paces(connection_id) == {}
    assert slowing.grants(connection_id, {"Google": 50}, clock.now()) == {}


def test_a_rate_grants_a_burst_and_then_nothing(connection_id: int) -> None:
    now = clock.now()
    slowing.complain(connection_id, "Google", now, "421 slow down", measured=40)
    db.session.commit()

    first = slowing.grants(connection_id, {"Google": 50, "Yahoo": 50}, now)
    second = slowing.grants(connection_id, {"Google": 50}, now)

    assert first == {"Google": 10}
    assert second["Google"] <= 1


def test_a_resting_destination_is_granted_nothing(connection_id: int) -> None:
    now = clock.now()
    slowing.complain(connection_id, "Google", now, "421 try again in 5 minutes", measured=40)

    assert slowing.grants(connection_id, {"Google": 5}, now) == {"Google": 0}
    assert slowing.grants(connection_id, {"Google": 5}, now + timedelta(minutes=6))["Google"] > 0


def test_acceptance_after_a_quiet_while_raises_the_rate(connection_id: int) -> None:
    now = clock.now()
    slowing.complain(connection_id, "Google", now, "421", measured=40)

    slowing.accept(connection_id, ["Google", "Yahoo"], now + timedelta(seconds=60))
    db.session.commit()

    assert slowing.paces(connection_id)["Google"].rate == 30
