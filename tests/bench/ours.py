"""The app as an operator runs it: its own process of workers, on an empty database."""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flask import Flask
from sqlalchemy import insert, select

from tests import makers
from tests.bench import corpus, processes
from tests.bench.places import ROOT, Place
from tests.cast import make_cast
from webapp import create_app, queue, settings
from webapp.accounts.models import Workspace
from webapp.bulk_email import jobs, preparing, sending
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.delivery import tokens
from webapp.delivery.models import Recipient, Tally
from webapp.extensions import db, reading
from webapp.forms import writing
from webapp.forms.models import FieldKind, Form, Record, RecordAddress
from webapp.running import migrating

BASE_URL = "http://localhost"
CHUNK = 5000


@dataclass
class Ours:
    """An app on its own database, inside its context; processes of it are started by name."""

    app: Flask
    environment: dict[str, str]
    place: Place

    def start(self, *words: str) -> subprocess.Popen:
        """`email-tracker …`, until it is ended or the run is over."""
        program = Path(sys.executable).with_name("email-tracker")
        return self.place.start([program, *words], cwd=ROOT, env=self.environment)

    def workers(self, lane: str, number: int) -> subprocess.Popen:
        """Workers that wait for their first job."""
        worker = self.start("worker", "--lanes", lane, "--workers", str(number))
        client = self.app.extensions["redis"]
        processes.wait_until(lambda: len(client.smembers("rq:workers")) >= number, "work", 60)
        return worker

    def persons(self) -> Callable[[int], dict]:
        """A function from a number to what that person must find in their mail: the link is that
        of their own copy. It needs no database any more."""
        key = self.app.config["TOKEN_KEY"]
        rows = db.session.execute(select(Recipient.address, Recipient.id))
        ids = {corpus.number_of(address): copy_id for address, copy_id in rows}
        db.session.rollback()

        def person(number: int) -> dict:
            token = tokens.unsubscribe_token(key, ids[number])
            return corpus.values(number) | {"unsubscribe_url": f"{BASE_URL}/u/{token}"}

        return person


@contextmanager
def ours(place: Place, database: str, name: str, **values: str) -> Iterator[Ours]:
    """`database` is "SQLite" or "PostgreSQL", `name` the database's, which is made anew."""
    environment = {
        "DATABASE_URL": place.database_url(database, name),
        "REDIS_URL": place.redis_url,
        "DATA_DIR": str(place.folder),
        "SECRET_KEY": "a secret of the benchmark",
        "BASE_URL": BASE_URL,
        "ALLOW_PRIVATE_SMTP": "yes",
    } | values
    app = create_app(settings.read(environment))
    app.extensions["redis"].flushdb()
    with app.app_context():
        migrating.upgrade(app)
        try:
            yield Ours(app, os.environ | environment, place)
        finally:
            db.session.remove()
            db.engine.dispose()
    app.extensions["redis"].close()


def make_people(people: int) -> tuple[Workspace, Form]:
    """A workspace and a form of `people`, put in set-wise."""
    workspace = make_cast().workspace
    labels = [name.replace("_", " ") for name in corpus.FIELDS]
    form = writing.create_form(
        workspace,
        "People",
        [("Email", FieldKind.EMAIL), *((label, FieldKind.TEXT) for label in labels)],
    )
    email = next(field for field in form.fields if field.kind == FieldKind.EMAIL)
    form.record_count = people
    db.session.commit()
    for first in range(0, people, CHUNK):
        _add(form.id, email.id, range(first, min(first + CHUNK, people)))
    return workspace, form


def _add(form_id: int, field_id: int, numbers: range) -> None:
    """Record number n + 1 is person n: the ids are given, so that nothing must come back."""
    records, addresses = [], []
    for number in numbers:
        address = corpus.address(number)
        values = {"email": address} | corpus.values(number)
        search = " ".join(values.values()).casefold()
        records.append({"id": number + 1, "form_id": form_id, "values": values, "search": search})
        addresses.append(
            {
                "record_id": number + 1,
                "field_id": field_id,
                "address": address,
                "address_key": address,
            }
        )
    db.session.execute(insert(Record), records)
    db.session.execute(insert(RecordAddress), addresses)
    db.session.commit()


def make_email(workspace: Workspace, form: Form, port: int, **connection) -> BulkEmail:
    """A draft to everybody; `connection` are values of the Connection."""
    relay = makers.make_connection(workspace, port, **({"provider": "smtp"} | connection))
    return makers.make_email(
        form, relay, subject=corpus.SUBJECT, body="See the text.", from_address=corpus.SENDER
    )


def start(email: BulkEmail, *, paused: bool) -> None:
    """Press Send, and put the corpus's mail in place of what was frozen: the peers send that.

    `paused`: once prepared it waits for `resume`, so that the clock can start with the sending.
    """
    nonce = secrets.token_hex(8)
    if not sending.start(email, nonce=nonce, by=None, tracked=True):
        raise RuntimeError("the email did not start")
    frozen = {
        "subject": corpus.SUBJECT,
        "text": corpus.TEXT,
        "html": corpus.HTML,
        "fields": list(corpus.FIELDS),
    }
    email.template = {**email.template, **frozen}
    db.session.commit()
    if paused:
        sending.pause(email, None)


def prepare(email: BulkEmail) -> float:
    """Freeze the audience here; seconds."""
    begin = time.perf_counter()
    while preparing.prepare_some(email.id):
        pass
    return time.perf_counter() - begin


def resume(email: BulkEmail, workers: int) -> None:
    """Let it go out, and ring until every worker has opened: one wake-up is for one worker."""
    sending.resume(email, None)
    for _ in range(2 * workers):
        queue.wake(jobs.drain)
        time.sleep(0.05)


def wait_until_finished(email_id: int, seconds: float, look: Callable[[], None]) -> None:
    """Until the email is finished; `look` is called between the looks at it."""
    is_over = select(BulkEmail.stage).where(BulkEmail.id == email_id)

    def finished() -> bool:
        look()
        with reading():
            stage = db.session.scalar(is_over)
            db.session.rollback()
        return stage == Stage.FINISHED

    processes.wait_until(finished, "the end of the email", seconds, every=0.05)


def sent(email_id: int) -> int:
    """How many the books call sent."""
    tally = db.session.get(Tally, email_id, populate_existing=True)
    number = tally.sent
    db.session.rollback()
    return number
