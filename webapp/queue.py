"""RQ, wrapped once. Redis carries wake-ups with ids only and may lose them."""

import functools
from collections.abc import Callable
from enum import StrEnum

import redis
import structlog
from flask import Flask, current_app
from rq import Queue
from rq.serializers import JSONSerializer

log = structlog.get_logger()


class Lane(StrEnum):
    """One queue for each kind of worker, so that reports never wait behind a long send, nor what
    somebody is told (letters, webhooks, what a page has counted) behind a long import or export:
    a job of `telling` takes seconds, or a slice of time."""

    SENDING = "sending"
    DIGESTING = "digesting"
    TELLING = "telling"
    CHORES = "chores"


JOB_TIMEOUT_SECONDS = 3600
WAKE_SECONDS = 8  # how long a wake-up nobody answered stands in the way of the next one

# What the clock calls every two seconds, on one worker of all at a time: sweeping, schedules,
# wake-ups that were lost. Each in an app context of its own; an error is logged, the next goes on.
clock_tasks: list[Callable[[], object]] = []


def init_app(app: Flask) -> None:
    """Give `app` its Redis; nothing is contacted before the first use."""
    app.extensions["redis"] = redis.Redis.from_url(
        app.config["REDIS_URL"], socket_connect_timeout=2, health_check_interval=30
    )


def add_clock_task(task: Callable[[], object]) -> None:
    """Have the clock call `task`; twice is once (create_app may run often in one process)."""
    if task not in clock_tasks:
        clock_tasks.append(task)


def job(lane: Lane, *, is_urgent: bool = False) -> Callable:
    """Mark a function in a jobs.py as run by the workers of `lane`, before others if it is urgent.

    Its arguments are ids. While it begins, the next wake-up for the same ids may already queue.
    """

    def mark(function: Callable) -> Callable:
        @functools.wraps(function)
        def answer(*ids: int) -> object:
            _answered(function, ids)
            return function(*ids)

        answer.lane, answer.is_urgent = lane, is_urgent  # type: ignore[attr-defined]
        return answer

    return mark


def connection() -> redis.Redis:
    return current_app.extensions["redis"]


def queue(lane: Lane) -> Queue:
    return Queue(lane.value, connection=connection(), serializer=JSONSerializer)


def wake(function: Callable, *ids: int) -> None:
    """Ask a worker to run the job `function(*ids)`. Call it after the commit, on the next line.

    Ringing twice before anybody opened is ringing once. A Redis that is away is logged, not
    raised: what is to be done is in the database, and the clock wakes for it within ten seconds.
    """
    try:
        if not connection().set(_bell(function, ids), 1, nx=True, ex=WAKE_SECONDS):
            return
        queue(function.lane).enqueue(  # type: ignore[attr-defined]
            function,
            *ids,
            job_timeout=JOB_TIMEOUT_SECONDS,
            result_ttl=0,
            failure_ttl=86400,
            at_front=function.is_urgent,  # type: ignore[attr-defined]
        )
    except redis.RedisError as error:
        log.warning("wake_lost", job=function.__name__, ids=ids, error=str(error))


def _answered(function: Callable, ids: tuple[int, ...]) -> None:
    try:
        connection().delete(_bell(function, ids))
    except redis.RedisError as error:
        log.warning("bell_not_cleared", job=function.__name__, ids=ids, error=str(error))


def _bell(function: Callable, ids: tuple[int, ...]) -> str:
    return ":".join(["bell", function.__module__, function.__name__, *map(str, ids)])
