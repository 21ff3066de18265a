"""F18: workers die while they post webhooks, to a slow endpoint and beside a dead one."""

import json
import socket
import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import func, select

from tests import makers
from tests.chaos.conftest import of
from tests.chaos.harness import PATIENCE, Scene, kill
from tests.chaos.judging import Finding
from tests.webhook_receiver import Receiver
from webapp import queue
from webapp.bulk_email import subscribing
from webapp.delivery import jobs, passing_on
from webapp.delivery.models import Recipient
from webapp.delivery.models_endpoints import Endpoint, Happening, HappeningKind, Parcel, ParcelState
from webapp.extensions import db

pytestmark = pytest.mark.chaos
TELLING = ("worker.py", "--lanes", "telling")
CHORES = ("worker.py", "--lanes", "chores")


@pytest.fixture
def dead() -> Iterator[str]:
    """The address of a server that takes every call and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


def subscribe(stage: Scene, url: str) -> Endpoint:
    made = subscribing.add(stage.cast.workspace, url, HappeningKind, stage.cast.alice)
    assert made
    return made


def wait(done: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < end, "it does not come"
        db.session.rollback()
        time.sleep(0.02)
    db.session.rollback()


def number_of(model, *conditions) -> int:
    return db.session.scalar(select(func.count()).select_from(model).where(*conditions)) or 0


def test_workers_killed_while_they_post(stage: Scene, dead: str) -> None:
    rounds = of(2, 20)
    rows = [(f"P {n}", f"w{n}@x.test") for n in range(rounds)]
    form = makers.make_form(stage.cast.workspace, rows)
    makers.start(makers.make_email(form, stage.connection, stage.cast.alice))
    copies = list(db.session.scalars(select(Recipient.id).order_by(Recipient.id)))
    stage.environment |= {"ALLOW_PRIVATE_WEBHOOKS": "yes"}
    with Receiver() as receiver:
        receiver.seconds = 1
        slow, hung = subscribe(stage, receiver.url).id, subscribe(stage, dead).id
        for command in (TELLING, TELLING, CHORES):
            stage.start_worker(command)
        for copy in copies:
            passing_on.note_copies(HappeningKind.COPY_DELIVERED, [copy])
            db.session.commit()
            before = len(receiver.got)
            wait(lambda: len(receiver.got) > before)  # noqa: B023
            for horse in stage.horses():
                kill(horse)
        queue.wake(jobs.look_up_domains)
        wait(lambda: not queue.queue(queue.Lane.CHORES).count)
        open_ = (Parcel.endpoint_id == slow, Parcel.state != ParcelState.TAKEN)
        wait(lambda: not number_of(Happening, Happening.endpoint_id == slow)
             and not number_of(Parcel, *open_))  # fmt: skip
        stage.tell(finding(rounds, copies, receiver, hung))


def finding(kills: int, copies: list[int], receiver: Receiver, hung: int) -> Finding:
    """Each is told; what came twice came under the same webhook-id; nothing of the dead one's is
    lost, or held anybody up."""
    bodies: dict[str, bytes] = {}
    changed = 0
    for got in receiver.got:
        changed += bodies.setdefault(got.headers["webhook-id"], got.body) != got.body
    told = [each["copy"]["id"] for body in bodies.values() for each in json.loads(body)["data"]]
    kept = select(func.sum(Parcel.size)).where(
        Parcel.endpoint_id == hung, Parcel.state == ParcelState.WAITING
    )
    waiting = number_of(Happening, Happening.endpoint_id == hung) + (db.session.scalar(kept) or 0)
    db.session.rollback()
    lost = len(set(copies) - set(told)) + len(copies) - waiting
    doubled = len(told) - len(set(told)) + changed
    return Finding(
        fault="F18 workers killed while they post webhooks, beside a dead endpoint",
        database=db.engine.dialect.name,
        kills=kills,
        mails=len(receiver.got),
        lost=lost,
        doubled=doubled,
        unflagged=0,
        unconfirmed=0,
        ok=lost == doubled == 0 and len(receiver.got) > len(bodies),
    )
