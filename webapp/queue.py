"""RQ, wrapped once. Redis carries wake-ups with ids only and may lose them: the clock wakes again."""

from collections.abc import Callable
from enum import StrEnum

import redis
import structlog
from flask import Flask, current_app
from rq import Queue
from rq.serializers import JSONSerializer

log = structlog.get_logger()


class Lane(StrEnum):
    """One queue for each kind of worker, so that reports never wait behind a long send."""

    SENDING = "sending"
    DIGESTING = "digesting"
    CHORES = "chores"


JOB_TIMEOUT_SECONDS = 3600


def init_app(app: Flask) -> None:
    """Give `app` its Redis; nothing is contacted before the first use."""
    app.extensions["redis"] = redis.Redis.from_url(
        app.config["REDIS_URL"], socket_connect_timeout=2, health_check_interval=30
    )


def job(lane: Lane) -> Callable:
    """Mark a function in a jobs.py as run by the workers of `lane`."""

    def mark(function: Callable) -> Callable:
        function.lane = lane  # type: ignore[attr-defined]
        return function

    return mark


def connection() -> redis.Redis:
    return current_app.extensions["redis"]


def queue(lane: Lane) -> Queue:
    return Queue(lane.value, connection=connection(), serializer=JSONSerializer)


def wake(function: Callable, *ids: int) -> None:
    """Ask a worker to run the job `function(*ids)`. Call it after the commit, on the next line.

    A Redis that is away is logged, not raised: what is to be done is in the database, and the
    clock wakes for it again within ten seconds.
    """
    try:
        queue(function.lane).enqueue(  # type: ignore[attr-defined]
            function, *ids, job_timeout=JOB_TIMEOUT_SECONDS, result_ttl=0, failure_ttl=86400
        )
    except redis.RedisError as error:
        log.warning("wake_lost", job=function.__name__, ids=ids, error=str(error))
