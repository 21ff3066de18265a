"""F6 to F8: Redis, PostgreSQL and the disk fail in mid-send."""

import contextlib
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tests.chaos.conftest import need_postgres, of, only_long
from tests.chaos.harness import CHAOS_WORKER, Scene, Slow, some_are_sent
from tests.chaos.points import FULL, KEY, Point
from tests.chaos.services import OwnRedis, SmallDisk, own_postgres
from webapp import settings
from webapp.bulk_email.models import Stage
from webapp.delivery.statuses import Status

pytestmark = pytest.mark.chaos
IN_HAND = 64
RESUMES_SECONDS = 15


@pytest.fixture
def own_redis() -> Iterator[OwnRedis]:
    folder = Path(tempfile.mkdtemp(prefix="et-r-"))  # short: a socket's path has < 107 bytes
    server = OwnRedis(folder)
    yield server
    server.kill()
    shutil.rmtree(folder)


def fail_and_go_on(stage: Scene, fail: Callable[[], object], times: int) -> None:
    """Each time it must go on by itself."""
    for _ in range(times):
        before = stage.counts()[Status.SENT]
        fail()
        stage.wait_for(
            lambda counts, before=before: (
                counts[Status.SENT] > before + 40 or not counts[Status.QUEUED]
            ),
            RESUMES_SECONDS,
        )


def test_a_flushed_redis(stage: Scene) -> None:
    bulk_email = stage.send(of(400, 2_000))
    stage.start_worker()
    stage.wait_for(some_are_sent)
    fail_and_go_on(stage, lambda: stage.redis().flushall(), of(2, 5))
    stage.wait_until_over()
    stage.conclude("F6 FLUSHALL", 0)
    stage.wait_for(lambda counts: stage.stage_of(bulk_email.id) == Stage.FINISHED, 20)


def test_a_redis_that_is_killed_and_comes_back_empty(make_stage, own_redis: OwnRedis) -> None:
    with make_stage(redis_url=own_redis.url) as stage:
        stage.send(of(400, 2_000))
        stage.start_worker()
        stage.wait_for(some_are_sent)
        fail_and_go_on(stage, own_redis.restart, of(1, 5))
        stage.wait_until_over()
        stage.conclude("F6 Redis restarted", of(1, 5))


def test_a_wake_up_that_redis_lost_before_anybody_heard_it(stage: Scene) -> None:
    stage.send(20)
    stage.redis().flushall()
    stage.start_worker()
    stage.wait_until_over()
    stage.conclude("F6 FLUSHALL before the start", 0)


def test_a_postgresql_that_crashes_and_recovers(make_stage, database_url: str) -> None:
    if database_url.startswith("sqlite"):
        return  # SQLite has no server
    need_postgres()
    with own_postgres() as server:
        url = settings.read({"DATABASE_URL": server.url, "SECRET_KEY": "x"}).database_url
        with make_stage(database_url=url) as stage:
            stage.send(of(500, 2_500))
            stage.start_worker()
            stage.wait_for(some_are_sent)
            fail_and_go_on(stage, server.restart, of(1, 5))
            stage.wait_until_over()
            stage.conclude("F7 PostgreSQL restarted", of(1, 5), unconfirmed=IN_HAND * of(1, 5))


@only_long
def test_a_database_that_is_locked_for_long(stage: Scene, database_url: str) -> None:
    stage.send(300)
    stage.start_worker()
    stage.wait_for(some_are_sent)
    if database_url.startswith("sqlite"):
        other = sqlite3.connect(database_url.removeprefix("sqlite:///"), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        time.sleep(20)
        other.execute("COMMIT")
        other.close()
    else:
        engine = create_engine(database_url)
        with engine.begin() as other:
            other.execute(text("LOCK TABLE recipients IN ACCESS EXCLUSIVE MODE"))
            time.sleep(20)
        engine.dispose()
    stage.wait_until_over()
    # nobody could renew the leases meanwhile
    stage.conclude("F8 locked for 20 s", 0, unconfirmed=IN_HAND)


@only_long
@pytest.mark.parametrize("point", [Point.TAKEN, Point.ANSWERED])
def test_a_full_disk(make_stage, point: Point) -> None:
    """Before the intent nothing is sent; before the outcome the group is in doubt."""
    with make_stage(Slow(0), max_connections=1) as stage:
        stage.redis().set(KEY, f"{FULL}{point}")
        stage.send(20)
        stage.start_worker(CHAOS_WORKER)
        stage.wait_until_over()
        assert not stage.redis().exists(KEY), "the disk was never full"
        stage.conclude(
            f"F8 disk full: {point}", 0, unconfirmed=20 if point is Point.ANSWERED else 0
        )


@pytest.fixture
def small_disk() -> Iterator[SmallDisk]:
    disk = SmallDisk(megabytes=256)
    yield disk
    disk.remove()


def wait_for_a_standstill(stage: Scene, disk: SmallDisk) -> int:
    """Until nothing has gone out for five seconds; how many mails that was after."""
    count, since = -1, time.monotonic()
    while time.monotonic() - since < 5:
        disk.fill()  # what was freed meanwhile too
        if count != (count := len(stage.server.ledger.mails)):
            since = time.monotonic()
        time.sleep(0.05)
    return count


@only_long
def test_a_disk_that_is_full_to_the_last_octet(make_stage, database_url, small_disk) -> None:
    """Sending stands still and says why; with room again it goes on by itself."""
    people = 6_000
    with contextlib.ExitStack() as stack:
        url = f"sqlite:///{small_disk.folder}/chaos.db"
        if not database_url.startswith("sqlite"):
            need_postgres()
            server = stack.enter_context(own_postgres(small_disk.folder))
            url = settings.read({"DATABASE_URL": server.url, "SECRET_KEY": "x"}).database_url
        stage = stack.enter_context(make_stage(Slow(0.001), database_url=url))
        stage.send(people)
        stage.start_worker()
        stage.wait_for(some_are_sent)
        assert wait_for_a_standstill(stage, small_disk) < people, "it never stood still"
        small_disk.free()
        stage.wait_until_over()
        stage.conclude("F8 disk full to the last octet", 0, unconfirmed=IN_HAND)
        log = (Path(stage.environment["DATA_DIR"]) / "workers.log").read_text()
        assert "disk is full" in log or "No space left on device" in log
