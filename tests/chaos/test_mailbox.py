"""F14: the poller of a bounce mailbox is killed again and again: each mail is stored once, and none
leaves its mailbox before it is ours."""

import random
import signal
import time
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import func, select

from tests.chaos.conftest import of
from tests.chaos.harness import Scene
from tests.chaos.judging import Finding
from tests.email_tracker.mailbox_server import Mailbox
from tests.email_tracker.returned import bounce
from webapp.delivery.models import Arrival
from webapp.delivery.models_return import ReturnWay
from webapp.extensions import db, reading
from webapp.providers.bounce_mail import dedupe_key

pytestmark = pytest.mark.chaos
KILLS, MAILS = of(3, 20), of(60, 500)


class Watched(Mailbox):
    """A mailbox that notes what is deleted from it before the database has it."""

    def __init__(self, kind: str, mails: list[bytes], app: Flask) -> None:
        super().__init__(kind, mails)
        self.app = app
        self.too_early: list[int] = []

    def forget(self, uid: int) -> None:
        if uid in self.mails and not self._is_stored(self.mails[uid]):
            self.too_early.append(uid)
        super().forget(uid)

    def _is_stored(self, raw: bytes) -> bool:
        statement = select(Arrival.id).where(Arrival.dedupe_key == dedupe_key(raw, {}))
        with self.app.app_context(), reading():
            return db.session.scalar(statement) is not None


@pytest.fixture(params=["imap", "pop"])
def mailbox(stage: Scene, request: pytest.FixtureRequest) -> Iterator[Watched]:
    kind = request.param
    with Watched(kind, [bounce(number) for number in range(MAILS)], stage.app) as server:
        way = ReturnWay(
            connection_id=stage.connection.id, address="bounces@acme.test", kind=kind,
            host="127.0.0.1", port=server.port, security="none", username="b", password="secret",
        )  # fmt: skip
        db.session.add(way)
        db.session.commit()
        yield server


def test_a_killed_poller_loses_and_doubles_nothing(stage: Scene, mailbox: Watched) -> None:
    command = ("-m", "tests.chaos.poller", str(stage.connection.id))
    db.session.rollback()  # on SQLite whoever has read keeps the writers out
    dice = random.Random(14)
    for _ in range(KILLS):
        until = len(mailbox.log) + dice.randint(1, 40)
        poller = stage.start_worker(command)
        wait_until(lambda at=until: len(mailbox.log) >= at or not mailbox.mails)
        stage.stop_worker(poller, signal.SIGKILL)
    assert stage.start_worker(command).wait(120) == 0

    stored = list(db.session.scalars(select(Arrival.dedupe_key)))
    fetched = sum(line.startswith("fetch") for line in mailbox.log)
    tell(stage, len(stored), len(set(stored)), mailbox, fetched)
    assert db.session.scalar(select(func.count(Arrival.id))) == MAILS
    assert (mailbox.mails, mailbox.too_early) == ({}, [])


def tell(stage: Scene, stored: int, different: int, mailbox: Watched, fetched: int) -> None:
    stage.tell(
        Finding(
            fault="F14 mailbox", database=db.engine.dialect.name, kills=KILLS, mails=MAILS,
            lost=MAILS - different, doubled=stored - different, unflagged=0, unconfirmed=0,
            ok=stored == different == MAILS and not mailbox.too_early,
            figures={"read_again": fetched - MAILS, "deleted_too_early": len(mailbox.too_early)},
        )
    )  # fmt: skip


def wait_until(is_so, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "the poller does nothing"
        time.sleep(0.005)
