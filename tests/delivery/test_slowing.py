"""What one worker learns of a destination binds all workers of the Connection."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

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

    heard = [("Google", None), ("Yahoo", None)]
    slowing.hear(connection_id, heard, now + timedelta(seconds=60), {})
    db.session.commit()

    assert slowing.paces(connection_id)["Google"].rate == 40


def test_workers_hear_the_same_destinations_at_once_and_none_is_turned_away(
    app, connection_id: int
) -> None:
    """The first complaint of a destination makes its row, and each hears them in another order."""
    db.session.rollback()  # on SQLite whoever has read keeps the writers out
    names, workers = [f"d{n}.test" for n in range(8)], 4
    together = Barrier(workers)

    def work(number: int) -> None:
        heard = [(name, "450 4.3.2 slow down") for name in names[number:] + names[:number]]
        with app.app_context():
            together.wait(60)
            slowing.hear(connection_id, heard, clock.now(), dict.fromkeys(names, 40.0))
            db.session.commit()
            db.session.remove()

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(work, range(workers)))

    assert sorted(slowing.paces(connection_id)) == names
