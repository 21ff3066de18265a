"""A whole sending side made of real processes, and the ledger that proves what became of it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis
from flask import Flask
from sqlalchemy import select, text

from tests import makers
from tests.cast import make_cast
from tests.smtp_server import SmtpServer
from webapp import create_app, settings
from webapp.bulk_email.models import BulkEmail
from webapp.delivery import recomputing
from webapp.delivery.models import Recipient, Tally
from webapp.delivery.statuses import Status
from webapp.delivery.tallying import books
from webapp.extensions import db
from webapp.running import migrating

ROOT = Path(__file__).resolve().parents[2]
LEASE_SECONDS = 2
PAUSE_SECONDS = 0.004  # of the mail server for each mail, so that faults hit in mid-send


@dataclass
class Scene:
    """One email to many, real workers at it, and the server that counts."""

    app: Flask
    environment: dict[str, str]
    server: SmtpServer
    worker: subprocess.Popen | None = None

    def start_worker(self) -> None:
        self.worker = subprocess.Popen(
            [sys.executable, "worker.py", "--lanes", "sending"],
            cwd=ROOT, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def stop_worker(self, with_signal: int = signal.SIGTERM) -> float:
        """Seconds until it was gone."""
        begin = time.monotonic()
        self.worker.send_signal(with_signal)
        self.worker.wait(30)
        return time.monotonic() - begin

    def redis(self) -> redis.Redis:
        return redis.Redis.from_url(self.environment["REDIS_URL"])

    def counts(self) -> Counter:
        counts = Counter(db.session.scalars(select(Recipient.status)))
        db.session.rollback()  # on SQLite even a reader here would keep the writers out
        return counts

    def wait_for(self, done: Callable[[Counter], bool], seconds: float = 60) -> Counter:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            counts = self.counts()
            if done(counts):
                return counts
            time.sleep(0.1)
        raise AssertionError(f"still {self.counts()} after {seconds} s")

    def wait_until_over(self, seconds: float = 90) -> Counter:
        """Nothing queued and nothing in flight any more."""
        return self.wait_for(lambda counts: not counts[Status.QUEUED], seconds)

    def report(self, fault: str, kills: int) -> dict:
        """What the ledger says of the rows: one JSON line, and the invariants as a dict."""
        copies = db.session.scalars(select(Recipient)).all()
        mails = Counter(self.server.ledger.addresses)
        twice = {address for address, number in mails.items() if number > 1}
        by_address = {copy.address: copy for copy in copies}
        lost = [
            copy
            for copy in copies
            if (copy.status is Status.SENT) != (copy.address in mails)
            and copy.status is not Status.UNCONFIRMED
        ]
        found = {
            "fault": fault,
            "database": db.engine.dialect.name,
            "kills": kills,
            "mails": sum(mails.values()),
            "lost": len(lost),
            "doubled": len(twice),
            "unflagged": sum(by_address[a].status is not Status.UNCONFIRMED for a in twice),
            "unconfirmed": sum(copy.status is Status.UNCONFIRMED for copy in copies),
            "balanced": books(db.session.scalar(select(Tally))).selected == len(copies)
            and recomputing.computed([c.id for c in copies]) == {c.id: c.status for c in copies},
            "in_flight": sum(copy.in_flight_at is not None for copy in copies),
        }
        print(json.dumps(found))
        return found


def workers_of(pid: int) -> list[int]:
    """The processes below `pid`, deepest last."""
    lines = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True).stdout
    parents = [tuple(map(int, line.split())) for line in lines.splitlines()]
    found, level = [], [pid]
    while level:
        level = [child for child, parent in parents if parent in level]
        found += level
    return found


@contextmanager
def scene(database_url: str, redis_url: str, folder: Path, people: int) -> Iterator[Scene]:
    """An email to `people`, started and not yet prepared; no worker runs yet."""
    values = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "DATA_DIR": str(folder),
        "SECRET_KEY": "a secret of the chaos",
        "LEASE_SECONDS": str(LEASE_SECONDS),
        "ALLOW_PRIVATE_SMTP": "yes",
        "BASE_URL": "http://localhost",
    }
    app = create_app(settings.read(values))
    with app.app_context(), SmtpServer(_slowly) as server:
        db.drop_all()
        db.session.execute(text("DROP TABLE IF EXISTS alembic_version"))
        db.session.commit()
        migrating.upgrade(app)
        app.extensions["redis"].flushall()
        cast = make_cast()
        rows = [(f"Person {n}", f"p{n}@x.test") for n in range(people)]
        form = makers.make_form(cast.workspace, rows)
        connection = makers.make_connection(cast.workspace, server.port, max_connections=2)
        bulk_email = makers.make_email(form, connection)
        assert makers.sending.start(bulk_email, nonce="chaos", by=None, tracked=True)
        made = Scene(app, os.environ | values, server)
        try:
            yield made
        finally:
            if made.worker and made.worker.poll() is None:
                made.stop_worker(signal.SIGKILL)
            db.session.remove()
            db.engine.dispose()
    app.extensions["redis"].close()


def _slowly(step: str, address: str) -> None:
    if step == "dot":
        time.sleep(PAUSE_SECONDS)


def stage_of(scene: Scene) -> str:
    found = db.session.scalar(select(BulkEmail.stage))
    db.session.rollback()
    return found
