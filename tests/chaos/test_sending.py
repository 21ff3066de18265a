"""Kill anything: nobody is lost, nobody gets it twice unflagged, and it goes on by itself."""

import contextlib
import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.chaos.harness import Scene, scene, stage_of, workers_of
from webapp.bulk_email.models import Stage
from webapp.delivery.statuses import Status

pytestmark = pytest.mark.chaos
PEOPLE = 600


@pytest.fixture
def stage(database_url: str, redis_url: str, tmp_path: Path):
    with scene(database_url, redis_url, tmp_path, PEOPLE) as made:
        yield made


def assert_nobody_is_lost(found: dict, doubled: int = 0) -> None:
    assert (found["lost"], found["unflagged"], found["in_flight"]) == (0, 0, 0)
    assert found["doubled"] == doubled
    assert found["balanced"]


def some_are_sent(counts) -> bool:
    return counts[Status.SENT] > 20


def test_kill_9_of_any_worker_process_again_and_again(stage: Scene) -> None:
    stage.start_worker()
    stage.wait_for(some_are_sent)
    kills = 0
    while kills < 10 and stage.counts()[Status.QUEUED]:
        victims = workers_of(stage.worker.pid)
        if victims:
            _kill(random.choice(victims))
            kills += 1
        time.sleep(random.uniform(0.05, 0.4))

    stage.wait_until_over()
    assert_nobody_is_lost(stage.report("F2 kill -9", kills))


def test_kill_9_of_the_parent_leaves_no_horse_running(stage: Scene) -> None:
    stage.start_worker()
    stage.wait_for(some_are_sent)
    children = workers_of(stage.worker.pid)

    stage.stop_worker(signal.SIGKILL)

    end = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in children) and time.monotonic() < end:
        time.sleep(0.1)
    assert not any(Path(f"/proc/{pid}").exists() for pid in children)
    stage.start_worker()
    stage.wait_until_over()
    assert_nobody_is_lost(stage.report("F3 parent killed", 1))


def test_sigterm_leaves_nothing_in_doubt(stage: Scene) -> None:
    for _ in range(3):
        stage.start_worker()
        before = stage.counts()[Status.SENT]
        stage.wait_for(lambda counts, before=before: counts[Status.SENT] > before + 20)
        stage.stop_worker()

    stage.start_worker()
    stage.wait_until_over()
    found = stage.report("F5 SIGTERM", 3)
    assert_nobody_is_lost(found)
    assert found["unconfirmed"] == 0


def test_a_flushed_redis_is_no_loss(stage: Scene) -> None:
    stage.start_worker()
    stage.wait_for(some_are_sent)
    for _ in range(5):
        stage.redis().flushall()
        time.sleep(0.2)

    stage.wait_until_over()
    found = stage.report("F6 FLUSHALL", 5)
    assert_nobody_is_lost(found)
    assert found["unconfirmed"] == 0
    stage.wait_for(lambda counts: stage_of(stage) == Stage.FINISHED, 20)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
