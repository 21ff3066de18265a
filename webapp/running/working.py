"""Workers: one RQ process for each lane, and the clock, under one parent."""

import contextlib
import gc
import signal
import threading
import time
from collections.abc import Sequence
from functools import partial
from typing import NoReturn

import redis
import structlog
from flask import Flask
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue, Worker, worker_registration
from rq.job import Job
from rq.serializers import JSONSerializer

from webapp.delivery import adopting
from webapp.extensions import db
from webapp.lib import stopping
from webapp.queue import Lane
from webapp.running import clocking, tying
from webapp.running.supervising import Part, supervise

log = structlog.get_logger()

WORKER_TTL_SECONDS = 40  # how long a silent worker is still listed
PATIENCE_SECONDS = 10.0


class LaneWorker(Worker):
    """RQ's worker, made to live with a Redis that goes away and a parent that is killed.

    Each job runs in a fork (a "horse") inside its own app context, session and connections.
    """

    max_connection_wait_time = 2.0

    def __init__(self, app: Flask, lane: Lane, connection: redis.Redis):
        self.app = app
        super().__init__(
            [Queue(lane.value, connection=connection, serializer=JSONSerializer)],
            connection=connection,
            serializer=JSONSerializer,
            worker_ttl=WORKER_TTL_SECONDS,
            log_job_description=False,
        )

    def perform_job(self, job: Job, queue: Queue, execution) -> bool:
        with self.app.app_context():
            db.engine.dispose(close=False)  # the parent's connections are the parent's
            return super().perform_job(job, queue, execution)

    def main_work_horse(self, job: Job, queue: Queue) -> NoReturn:
        tying.tie_to(self.pid or 0)  # else two workers may come to run the same job
        if self._stop_requested:
            stopping.ask()
        super().main_work_horse(job, queue)

    def setup_work_horse_signals(self) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, stopping.ask)

    def handle_warm_shutdown_request(self) -> None:
        """The horse ends its slice at the next safe place; our parent kills us if it takes long."""
        if self.horse_pid:
            self.kill_horse(signal.SIGTERM)

    def subscribe(self) -> None:
        """No commands over Redis: nobody gives any, and a fork wants no threads beside it."""

    def heartbeat(self, timeout: int | None = None, pipeline=None) -> None:
        """Also comes back into the list of workers after a Redis was emptied."""
        super().heartbeat(timeout, pipeline)
        if pipeline is None and not self.connection.hexists(self.key, "birth"):
            self.connection.hset(self.key, mapping=self.serialize())
            worker_registration.register(self)

    def maintain_heartbeats(self, job: Job, execution) -> None:
        """A Redis that is away is no reason to leave (and so to kill) a horse in mid-send."""
        with contextlib.suppress(redis.RedisError):
            super().maintain_heartbeats(job, execution)

    def set_shutdown_requested_date(self) -> None:
        with contextlib.suppress(redis.RedisError):
            super().set_shutdown_requested_date()


def run(app: Flask, lanes: Sequence[Lane], copies: int = 1) -> None:
    """Run `copies` workers for each of `lanes`, and a clock, until SIGTERM or SIGINT."""
    look_at_database(app)
    supervise([*lane_parts(app, lanes, copies), Part("clock", partial(_run_clock, app))])


def look_at_database(app: Flask) -> None:
    """Every start counts; a database that may be a copy is said at once."""
    with app.app_context():
        if not adopting.may_send(adopting.this_host(app.config["SETTINGS"].data_dir)):
            why = [adopting.sentence(each) for each in adopting.questions()]
            log.warning("nothing_leaves", why=why, advice="Run `email-tracker adopt`.")
        db.session.remove()
        db.engine.dispose()  # the parts are forks, with connections of their own


def lane_parts(app: Flask, lanes: Sequence[Lane], copies: int) -> list[Part]:
    return [
        Part(f"{lane}-{number}", partial(_run_lane, app, lane), patience=PATIENCE_SECONDS)
        for lane in lanes
        for number in range(1, copies + 1)
    ]


def _run_lane(app: Flask, lane: Lane) -> None:
    connection = _own_connection(app)
    _wait_for_redis(connection)
    gc.freeze()  # what is there now stays: no horse looks at it again, and so shares it with us
    try:
        LaneWorker(app, lane, connection).work(logging_level="WARNING")
    except redis.RedisError as error:
        log.warning("lane_without_redis", lane=lane, error=str(error))
        raise SystemExit(1) from None


def _run_clock(app: Flask) -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
    clocking.run(app, stop)


def _own_connection(app: Flask) -> redis.Redis:
    """RQ waits for jobs in one long read, and counts its tries itself."""
    return redis.Redis.from_url(
        app.config["REDIS_URL"],
        socket_connect_timeout=2,
        socket_timeout=WORKER_TTL_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )


def _wait_for_redis(connection: redis.Redis) -> None:
    said = False
    while True:
        try:
            connection.ping()
            return
        except redis.RedisError as error:
            if not said:
                log.warning("waiting_for_redis", error=str(error))
                said = True
            time.sleep(0.5)
