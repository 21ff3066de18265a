"""A whole sending side made of real processes, driven from outside: by the database, the mail
server, Redis and signals only, so that it says the same of every engine."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import redis
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from tests import makers
from tests.cast import Cast, make_cast
from tests.chaos.judging import Finding, Imbalance, judge, snapshot
from tests.conftest import empty_tables
from tests.running.conftest import descendants, parent_of
from tests.smtp_server import Action, Script, SmtpServer
from webapp import create_app, queue, settings
from webapp.bulk_email import jobs
from webapp.bulk_email.models import BulkEmail
from webapp.delivery.models import Connection
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.running import migrating

ROOT = Path(__file__).resolve().parents[2]
LEASE_SECONDS = 2
PATIENCE = 180  # seconds; machines are slow at times, and what goes well does not wait
WORKER = ("worker.py", "--lanes", "sending")
CHAOS_WORKER = ("-m", "tests.chaos.worker")


@dataclass
class Slow:
    """A script for the mail server: every mail takes its time, so that faults hit in mid-send."""

    seconds: float = 0.004
    then: Script = lambda step, address: None

    def __call__(self, step: str, address: str) -> Action:
        if step == "dot":
            time.sleep(self.seconds)
        return self.then(step, address)


@dataclass
class Scene:
    """Emails to many, real workers at them, and the server that counts."""

    app: Flask
    environment: dict[str, str]
    server: SmtpServer
    cast: Cast
    connection: Connection
    findings: list[Finding]
    workers: list[subprocess.Popen] = field(default_factory=list)
    emails: list[int] = field(default_factory=list)
    imbalances: list[Imbalance] = field(default_factory=list)

    # ---- emails

    def send(self, people: int, prefix: str = "p", **values) -> BulkEmail:
        """An email to `people`, started and not yet prepared; a worker is woken."""
        rows = [(f"Person {n}", f"{prefix}{n}@x.test") for n in range(people)]
        form = makers.make_form(self.cast.workspace, rows)
        bulk_email = makers.make_email(form, self.connection, **values)
        nonce = f"chaos-{bulk_email.id}"
        assert makers.sending.start(bulk_email, nonce=nonce, by=self.cast.alice, tracked=True)
        self.emails.append(bulk_email.id)
        queue.wake(jobs.prepare, bulk_email.id)
        return bulk_email

    # ---- processes

    def start_worker(self, command: tuple[str, ...] = WORKER) -> subprocess.Popen:
        with (Path(self.environment["DATA_DIR"]) / "workers.log").open("a") as log:
            worker = subprocess.Popen(
                [sys.executable, *command],
                cwd=ROOT, env=os.environ | self.environment, stdout=log, stderr=log,
            )  # fmt: skip
        self.workers.append(worker)
        return worker

    def stop_worker(self, worker: subprocess.Popen, with_signal: int = signal.SIGTERM) -> float:
        """Seconds until it was gone."""
        begin = time.monotonic()
        worker.send_signal(with_signal)
        worker.wait(60)
        self.workers.remove(worker)
        return time.monotonic() - begin

    def stop_all(self) -> None:
        for worker in list(self.workers):
            with suppress(ProcessLookupError):
                self.stop_worker(worker, signal.SIGKILL)

    def processes(self) -> list[int]:
        """Those below the workers: lanes, clocks, horses."""
        return [pid for worker in self.workers for pid in descendants(worker.pid)]

    def horses(self) -> list[int]:
        """Those that do the jobs: forks of lanes, which are forks of workers."""
        parents = {worker.pid for worker in self.workers}
        return [pid for pid in self.processes() if parent_of(pid) not in parents]

    def redis(self) -> redis.Redis:
        return redis.Redis.from_url(self.environment["REDIS_URL"])

    # ---- what has become of it

    def counts(self) -> Counter:
        """{status: how many}; that the books balance at this instant is noted on the way."""
        counts, imbalances = snapshot(self.emails)
        self.imbalances += imbalances
        return counts

    def wait_for(self, done: Callable[[Counter], object], seconds: float = PATIENCE) -> Counter:
        end = time.monotonic() + seconds
        counts = Counter()
        while time.monotonic() < end:
            try:
                counts = self.counts()
            except DBAPIError:  # the database is being restarted
                db.session.remove()
            else:
                is_done = done(counts)
                db.session.rollback()  # on SQLite whoever has read keeps the writers out
                if is_done:
                    return counts
            time.sleep(0.1)
        raise AssertionError(f"still {dict(counts)} after {seconds} s")

    def wait_until_over(self, seconds: float = PATIENCE) -> Counter:
        """Everybody is prepared and nothing is queued, nor in flight, any more."""
        people = self.people()
        return self.wait_for(
            lambda counts: counts.total() == people and not counts[Status.QUEUED], seconds
        )

    def people(self) -> int:
        found = db.session.scalars(select(BulkEmail.expected).where(BulkEmail.id.in_(self.emails)))
        total = sum(found)
        db.session.rollback()
        return total

    def stage_of(self, bulk_email_id: int) -> str:
        found = db.session.scalar(select(BulkEmail.stage).where(BulkEmail.id == bulk_email_id))
        db.session.rollback()
        return found

    def conclude(self, fault: str, kills: int, **allowed: int) -> Finding:
        """Hold rows against ledger, print the JSON line, and fail where an invariant is broken."""
        return self.tell(
            judge(self.emails, self.server.ledger, self.imbalances, fault, kills, **allowed)
        )

    def tell(self, finding: Finding) -> Finding:
        self.findings.append(finding)
        assert finding.ok, finding.broken
        return finding


@contextmanager
def scene(
    database_url: str,
    redis_url: str,
    folder: Path,
    findings: list[Finding],
    script: Script | None = None,
    **connection: object,
) -> Iterator[Scene]:
    """An empty installation with a mail server. No worker runs yet."""
    environment = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "DATA_DIR": str(folder),
        "SECRET_KEY": "a secret of the chaos",
        "LEASE_SECONDS": str(LEASE_SECONDS),
        "ALLOW_PRIVATE_SMTP": "yes",
        "BASE_URL": "http://localhost",
    }
    app = create_app(settings.read(environment))
    migrating.upgrade(app)
    with app.app_context(), SmtpServer(script or Slow()) as server:
        empty_tables()
        app.extensions["redis"].flushall()
        cast = make_cast()
        relay = makers.make_connection(
            cast.workspace, server.port, **{"max_connections": 2} | connection
        )
        made = Scene(app, environment, server, cast, relay, findings)
        try:
            yield made
        finally:
            made.stop_all()
            db.session.remove()
            db.engine.dispose()
    app.extensions["redis"].close()


def kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def some_are_sent(counts: Counter) -> bool:
    return counts[Status.SENT] > 20
