"""F15: the web server dies before or after the commit of a hook, and the provider comes again."""

import json
import time
import urllib.error
import urllib.request

import pytest
from sqlalchemy import func, select

from tests import makers
from tests.chaos.conftest import of
from tests.chaos.harness import PATIENCE, Scene
from tests.chaos.judging import Finding
from tests.chaos.points import KEY, Point
from tests.running.conftest import free_port
from webapp.delivery import tokens
from webapp.delivery.models import Arrival, ArrivalStage, Event, Recipient
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.plugins import catalogue, installing
from webapp.providers import sandbox

pytestmark = pytest.mark.chaos


@pytest.fixture
def copies(stage: Scene) -> list[Recipient]:
    for plugin in ("bulk_email", "email_tracker"):
        installing.install(stage.cast.workspace, catalogue.find(plugin), stage.cast.alice)
    rows = [(f"P {n}", f"h{n}@x.test") for n in range(of(6, 50))]
    bulk_email = makers.make_email(
        makers.make_form(stage.cast.workspace, rows), stage.connection, stage.cast.alice
    )
    makers.start(bulk_email)
    stage.emails.append(bulk_email.id)
    return list(db.session.scalars(select(Recipient).order_by(Recipient.id)))


def event_of(stage: Scene, copy: Recipient) -> bytes:
    token = tokens.copy_token(stage.app.config["TOKEN_KEY"], copy.id)
    at = "2026-03-01T12:00:00+00:00"
    return json.dumps([{"event": "delivered", "address": copy.address, "at": at, "token": token}]
    ).encode()  # fmt: skip


def post_until_taken(url: str, body: bytes, delivery: str, seconds: float = PATIENCE) -> int:
    """As a provider does it; how many tries it took."""
    headers = {
        "X-Sandbox-Timestamp": "1",
        "X-Sandbox-Signature": f"v1={sandbox.sign('a secret', b'1', body)}",
        "X-Sandbox-Delivery": delivery,
    }
    end = time.monotonic() + seconds
    for tries in range(1, 1_000):
        try:
            urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=5).close()
            return tries
        except (OSError, urllib.error.HTTPError):
            assert time.monotonic() < end, "nobody takes it"
            time.sleep(0.05)
    raise AssertionError("never taken")


def test_a_hook_killed_before_or_after_its_commit(stage: Scene, copies: list[Recipient]) -> None:
    port = free_port()
    stage.environment |= {"PORT": str(port)}
    stage.start_worker(("-m", "tests.chaos.web"))
    url = f"http://127.0.0.1:{port}/hooks/sandbox/{stage.connection.hook_token}"
    bodies = [event_of(stage, copy) for copy in copies]
    db.session.commit()
    post_until_taken(url, b"[]", "warming up")

    kills = 0
    for number, body in enumerate(bodies):
        stage.redis().set(KEY, (Point.ARRIVING, Point.ARRIVED)[number % 2])
        kills += post_until_taken(url, body, f"delivery {number}") > 1
    assert kills == len(bodies)

    stage.start_worker(("worker.py", "--lanes", "digesting"))
    waiting = select(func.count()).where(Arrival.stage == ArrivalStage.STORED)
    stage.wait_for(lambda counts: db.session.scalar(waiting) == 0)
    stage.tell(finding(stage, kills))


def finding(stage: Scene, kills: int) -> Finding:
    """Every event exactly once, whatever died."""
    arrivals = db.session.scalar(select(func.count()).select_from(Arrival)) - 1
    events = db.session.scalar(select(func.count()).select_from(Event))
    counts = stage.counts()
    lost = kills - counts[Status.DELIVERED]
    doubled = arrivals - kills + events - kills
    db.session.rollback()
    return Finding(
        fault="F15 hook killed before or after its commit",
        database=db.engine.dialect.name,
        kills=kills,
        mails=arrivals,
        lost=lost,
        doubled=doubled,
        unflagged=0,
        unconfirmed=0,
        ok=lost == doubled == 0 and not stage.imbalances,
    )
