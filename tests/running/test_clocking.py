"""One worker of all holds the clock, by the database's own clock."""

import pytest
from flask import Flask
from sqlalchemy import select, update

from webapp import queue
from webapp.columns import database_now
from webapp.delivery.models import ClockLease
from webapp.extensions import db
from webapp.running import clocking

pytestmark = pytest.mark.database


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the clock's tasks noted; the second task of three always fails."""
    noted: list[str] = []

    def fail() -> None:
        raise RuntimeError("a task that fails")

    tasks = [lambda: noted.append("first"), fail, lambda: noted.append("last")]
    monkeypatch.setattr(queue, "clock_tasks", tasks)
    return noted


def expire() -> None:
    db.session.execute(update(ClockLease).values(until=database_now(-1)))
    db.session.commit()


def test_the_first_takes_the_clock_and_keeps_it(app: Flask):
    assert clocking.hold("ann")
    assert not clocking.hold("ben")
    assert clocking.hold("ann")


def test_a_holder_that_died_is_followed(app: Flask):
    clocking.hold("ann")
    expire()
    assert clocking.hold("ben")
    assert not clocking.hold("ann")


def test_a_clock_given_back_is_free_at_once(app: Flask):
    clocking.hold("ann")
    clocking.release("ann")
    assert clocking.hold("ben")


def test_nobody_gives_back_the_clock_of_another(app: Flask):
    clocking.hold("ann")
    clocking.release("ben")
    assert db.session.scalar(select(ClockLease.owner)) == "ann"
    assert not clocking.hold("ben")


def test_a_task_that_fails_does_not_stop_the_others(app: Flask, ticks: list[str]):
    assert clocking.tick(app, "ann")
    assert ticks == ["first", "last"]


def test_only_the_holder_runs_the_tasks(app: Flask, ticks: list[str]):
    clocking.tick(app, "ann")
    assert not clocking.tick(app, "ben")
    assert ticks == ["first", "last"]
