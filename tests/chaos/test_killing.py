"""F2 to F5: whatever process is killed, stopped or asked to stop, nobody is lost or doubled."""

import os
import random
import signal
import time

import pytest
from sqlalchemy import select, update

from tests.chaos.conftest import of, only_long
from tests.chaos.harness import LEASE_SECONDS, PATIENCE, Scene, Slow, kill, some_are_sent
from tests.running.conftest import descendants, parent_of
from webapp.accounts.models import UnconfirmedPolicy, Workspace
from webapp.bulk_email import sweeping
from webapp.columns import database_now
from webapp.delivery.models import ClockLease, Recipient
from webapp.delivery.statuses import Status
from webapp.extensions import db

pytestmark = pytest.mark.chaos
GROUP = 32
CONNECTIONS = 2
IN_HAND = GROUP * CONNECTIONS


def kill_at_random(stage: Scene, kills: int, slow: Slow) -> None:
    """kill -9 of parents, lanes, clocks and horses; parents are started again."""
    for _ in range(kills):
        time.sleep(random.uniform(0.1, 0.6))
        parents = [worker.pid for worker in stage.workers]
        victim = random.choice(parents + stage.processes() + stage.horses() * 2)
        kill(victim)
        if victim in parents:
            worker = next(worker for worker in stage.workers if worker.pid == victim)
            worker.wait(60)
            stage.workers.remove(worker)
            stage.start_worker()
    slow.seconds = 0.001


def test_kill_9_at_random(make_stage) -> None:
    people, kills = of(1_000, 20_000), of(20, 400)
    slow = Slow(kills * 0.35 / people)
    with make_stage(slow, max_connections=CONNECTIONS) as stage:
        stage.send(people)
        for _ in range(4):
            stage.start_worker()
        stage.wait_for(some_are_sent)
        kill_at_random(stage, kills, slow)
        stage.wait_until_over(of(PATIENCE, 1_200))
        stage.conclude("F2 kill -9 at random", kills, unconfirmed=kills * IN_HAND)


@only_long
def test_kill_9_where_doubtful_copies_are_sent_again(make_stage) -> None:
    """The other policy: the quarter of an hour is over at once."""
    slow = Slow(0.01)
    with make_stage(slow, max_connections=CONNECTIONS) as stage:
        db.session.execute(
            update(Workspace).values(unconfirmed_policy=UnconfirmedPolicy.SEND_AGAIN)
        )
        db.session.commit()
        stage.send(1_000)
        stage.start_worker()
        stage.wait_for(some_are_sent)
        kill_at_random(stage, 10, slow)
        stage.wait_until_over()
        early = database_now(-2 * sweeping.SEND_AGAIN_AFTER.total_seconds())
        db.session.execute(update(Recipient).values(changed_at=early))
        db.session.commit()
        stage.wait_for(lambda counts: counts[Status.SENT] == 1_000)
        stage.conclude("F2 kill -9, doubtful sent again", 10, doubled=10 * IN_HAND)


def parent(stage: Scene) -> list[int]:
    return [stage.workers[0].pid]


def horse(stage: Scene) -> list[int]:
    return stage.horses()


def everything(stage: Scene) -> list[int]:
    return [stage.workers[0].pid, *descendants(stage.workers[0].pid)]


@pytest.mark.parametrize("victims", [parent, horse, everything])
def test_killing_a_part(stage: Scene, victims) -> None:
    stage.send(400)
    worker = stage.start_worker()
    stage.wait_for(some_are_sent)
    below = descendants(worker.pid)
    for pid in victims(stage):
        kill(pid)

    if victims is not horse:
        worker.wait(60)
        stage.workers.remove(worker)
        assert_gone(below)
        stage.start_worker()
    stage.wait_until_over()
    stage.conclude(f"F3 {victims.__name__} killed", 1, unconfirmed=IN_HAND)


def assert_gone(pids: list[int], seconds: float = 60) -> None:
    """Nobody outlives the parent."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and any(parent_of(pid) for pid in pids):
        time.sleep(0.05)
    assert [pid for pid in pids if parent_of(pid)] == []


def test_killing_the_clock_s_holder(stage: Scene) -> None:
    """Together with the copies in hand: another clock must come and sweep them."""
    stage.send(400)
    first = stage.start_worker()
    stage.wait_for(some_are_sent)
    owner = clock_owner()
    second = stage.start_worker()
    stage.wait_for(lambda counts: len(descendants(second.pid)) >= 2)
    for pid in [first.pid, *descendants(first.pid)]:
        kill(pid)
    stage.workers.remove(first)
    first.wait(60)

    stage.wait_until_over()
    stage.wait_for(lambda counts: clock_owner() != owner)
    stage.conclude("F3 the clock's holder killed", 1, unconfirmed=IN_HAND)


def clock_owner() -> str | None:
    found = db.session.scalar(select(ClockLease.owner))
    db.session.rollback()
    return found


def test_a_worker_that_sleeps_past_its_lease(stage: Scene) -> None:
    times = of(1, 20)
    stage.send(200 * times)
    for _ in range(2):
        stage.start_worker()
    for done in range(times):
        stage.wait_for(lambda counts, done=done: counts[Status.SENT] > 20 + done * 100)
        sleepers = stage.horses()
        for pid in sleepers:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(LEASE_SECONDS * 2.5)
        for pid in sleepers:
            os.kill(pid, signal.SIGCONT)
    stage.wait_until_over()
    stage.wait_for(lambda counts: not stage.horses())  # those woken have said what they know
    stage.conclude("F4 SIGSTOP past the lease", times, unconfirmed=2 * IN_HAND * times)


def test_sigterm_leaves_nothing_in_doubt(stage: Scene) -> None:
    times = of(2, 20)
    stage.send(150 * times)
    for done in range(times):
        worker = stage.start_worker()
        stage.wait_for(lambda counts, done=done: counts[Status.SENT] > 20 + done * 100)
        seconds = stage.stop_worker(worker)
        assert seconds < 12, "it is to end within ten seconds"

    stage.start_worker()
    stage.wait_until_over()
    stage.conclude("F5 SIGTERM", times)
