"""Real workers: they live through everything that happens to Redis, and leave no orphans."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from rq import Queue, Worker
from rq.serializers import JSONSerializer

from tests.running.conftest import Up, parent_of, until
from webapp.queue import Lane

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")


@pytest.fixture
def client(up: Up) -> Iterator[redis.Redis]:
    """The Redis of a running installation."""
    up.start()
    with redis.Redis(unix_socket_path=str(up.data / "redis.sock")) as client:
        yield client


@pytest.fixture
def ring(client: redis.Redis) -> Callable[[str, int], None]:
    lane = Queue(Lane.CHORES.value, connection=client, serializer=JSONSerializer)
    return lambda job, number: lane.enqueue(f"tests.running.jobs.{job}", number)


def listed(client: redis.Redis) -> set[str]:
    workers = Worker.all(connection=client, serializer=JSONSerializer)
    return {name for worker in workers for name in worker.queue_names()}


def test_every_lane_has_a_worker_of_its_own(client: redis.Redis):
    until(lambda: listed(client) == set(Lane))
    workers = Worker.all(connection=client, serializer=JSONSerializer)
    assert all(len(worker.queue_names()) == 1 for worker in workers)


def test_a_job_runs_in_a_process_of_its_own(client: redis.Redis, ring: Callable):
    ring("tell", 1)
    pid = int(until(lambda: client.get("told:1")))
    until(lambda: parent_of(pid) == 0)


def test_an_emptied_redis_is_no_end(client: redis.Redis, ring: Callable):
    until(lambda: listed(client) == set(Lane))
    client.flushall()
    ring("tell", 2)
    until(lambda: client.get("told:2"), 15)
    until(lambda: Lane.CHORES in listed(client), 15)


def test_a_killed_redis_is_no_end(client: redis.Redis, ring: Callable):
    until(lambda: listed(client) == set(Lane))
    os.kill(client.info("server")["process_id"], signal.SIGKILL)
    until(lambda: pings(client), 15)
    ring("tell", 3)
    until(lambda: client.get("told:3"), 15)


def test_a_long_job_outlives_a_restart_of_redis(client: redis.Redis, ring: Callable, up: Up):
    ring("linger", 4)
    pid = int(until(lambda: client.get("began:4")))
    os.kill(client.info("server")["process_id"], signal.SIGKILL)
    until(lambda: pings(client), 15)
    assert parent_of(pid)


def test_no_job_outlives_its_worker(client: redis.Redis, ring: Callable):
    ring("linger", 5)
    pid = int(until(lambda: client.get("began:5")))
    os.kill(parent_of(pid), signal.SIGKILL)
    until(lambda: parent_of(pid) == 0, 5)


def test_sigterm_lets_a_job_end_its_slice(client: redis.Redis, ring: Callable, up: Up):
    ring("linger", 6)
    pid = int(until(lambda: client.get("began:6")))
    os.kill(parent_of(pid), signal.SIGTERM)
    until(lambda: client.get("ended:6"), 5)
    until(lambda: parent_of(pid) == 0, 5)


def pings(client: redis.Redis) -> bool:
    try:
        return client.ping()
    except redis.RedisError:
        return False
