"""F9 and F10: mail servers that hang, hang up, refuse and say strange things."""

import itertools
import time
from datetime import timedelta
from statistics import median

import pytest
from sqlalchemy import update

from tests import makers
from tests.chaos.conftest import only_long
from tests.chaos.harness import Scene, Slow
from tests.smtp_server import Action
from webapp import queue
from webapp.bulk_email import jobs, sending
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.delivery.models import Connection, Recipient
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.lib import clock

pytestmark = pytest.mark.chaos

STEPS = ("banner", "ehlo", "mail", "rcpt", "data", "dot")
ANSWERS: list[Action] = [
    "hang",
    "close",
    "421 4.3.2 closing the channel",
    b"450 4.2.0 come back",
    b"452 4.2.2 mailbox full",
    b"550 5.1.1 no such user",
    b"552 5.3.4 too large",
    b"554 5.7.1 refused",
]
STRANGE: list[Action] = [
    b"550-first line\r\n550-second line\r\n550 5.1.1 no such user",
    b"550 5.1.1 \xe4\xf6\xfc \xff kein solches Postfach",
    b"550 5.1.1 " + b"no such user " * 800,
    b"550 5.1.1 no\x00such\x01user",
]
SCRIPTS = [
    *itertools.product(STEPS, ANSWERS),
    ("body", "close"),
    *itertools.product(("mail", "rcpt", "dot"), STRANGE),
]


def expected(step: str, answer: Action) -> set[Status]:
    """What may become of a copy at whose step the server answers so."""
    if step in ("banner", "ehlo"):
        return {Status.QUEUED, Status.SENT} if step == "ehlo" else {Status.QUEUED}
    if answer in ("hang", "close"):
        in_doubt = {"dot": {Status.UNCONFIRMED}, "body": {Status.UNCONFIRMED, Status.RETRYING}}
        return in_doubt.get(step, {Status.RETRYING})
    first = answer[:1] if isinstance(answer, str) else answer[:1].decode()
    if first == "4":
        return {Status.RETRYING}
    # what is said of us may pause the whole email instead of failing everybody in it
    paused = {Status.QUEUED, Status.RETRYING} if step == "mail" else set()
    return {Status.BOUNCED, Status.FAILED} | paused


def play(stage: Scene, number: int, step: str, answer: Action) -> None:
    """An email to two, the first of whom meets the script; then the server is well again."""
    victim = f"s{number}-0@x.test"

    def script(at: str, address: str) -> Action:
        is_victim = address == victim or at in ("banner", "ehlo")
        return answer if at == step and (is_victim or at == "mail") else None

    stage.server.script = script
    people = [(f"P {n}", f"s{number}-{n}@x.test") for n in range(2)]
    bulk_email = makers.make_email(
        makers.make_form(stage.cast.workspace, people), stage.connection, subject=f"Script {number}"
    )
    stage.emails.append(bulk_email.id)
    makers.send(bulk_email)
    found = Status(makers.statuses(bulk_email)[victim])
    assert found in expected(step, answer), f"{step} {answer!r}: {found}"

    stage.server.script = lambda step, address: None
    db.session.execute(update(Connection).values(paused_until=None))
    db.session.execute(
        update(BulkEmail).where(BulkEmail.stage == Stage.PAUSED).values(stage=Stage.SENDING)
    )
    db.session.execute(
        update(Recipient)
        .where(Recipient.bulk_email_id == bulk_email.id, Recipient.status == Status.RETRYING)
        .values(next_try_at=clock.now())
    )
    db.session.commit()
    makers.draining.drain(makers.make_setting(), 10)
    stage.counts()


@only_long
def test_every_answer_at_every_step(make_stage) -> None:
    with make_stage(max_connections=1) as stage:
        for number, (step, answer) in enumerate(SCRIPTS):
            play(stage, number, step, answer)
        # hanging up after the dot, and perhaps in mid-data, is all that nobody can tell of
        stage.conclude(f"F9 {len(SCRIPTS)} scripts of a mail server", 0, unconfirmed=3)


def test_a_server_that_lets_nobody_in_is_left_alone_for_a_while(make_stage) -> None:
    """No copy costs a try, and no conversation knocks twice."""
    knocks: list[str] = []

    def script(step: str, address: str) -> Action:
        return knocks.append(step) or b"554 5.7.1 go away" if step == "banner" else None

    with make_stage(script) as stage:
        rows = [(f"P {number}", f"p{number}@x.test") for number in range(200)]
        bulk_email = makers.make_email(
            makers.make_form(stage.cast.workspace, rows), stage.connection
        )
        makers.send(bulk_email)
        found = set(makers.statuses(bulk_email).values())
        assert (found, len(knocks) <= stage.connection.max_connections) == ({"queued"}, True)
        assert clock.now() < stage.connection.paused_until < clock.now() + timedelta(minutes=2)


def seconds_for(stage: Scene, good: int, bad: int, prefix: str) -> float:
    """From the first to the last mail to a good domain."""
    moments: list[float] = []

    def script(step: str, address: str) -> Action:
        if step == "rcpt" and "bad" in address:
            return "421 4.7.0 too many messages, slow down"
        if step == "dot":
            moments.append(time.monotonic())
        return None

    stage.server.script = Slow(0.002, script)
    every = good // bad if bad else good + 1
    rows = []
    for number in range(good):
        rows.append(("Good", f"{prefix}{number}@good.test"))
        if number % every == 0 and bad:
            rows.append(("Bad", f"{prefix}{number}@bad.test"))
    form = makers.make_form(stage.cast.workspace, rows)
    bulk_email = makers.make_email(form, stage.connection)
    stage.emails.append(bulk_email.id)
    sending.start(bulk_email, nonce=prefix, by=None, tracked=True)
    stage.wait_for(lambda counts: len(moments) == good)
    sending.cancel(bulk_email, stage.cast.alice)  # who is asked to wait longer is not waited for
    queue.wake(jobs.withhold_rest, bulk_email.id)
    stage.wait_until_over()
    return moments[-1] - moments[0]


@only_long
def test_a_domain_that_asks_to_slow_down_slows_nobody_else(stage: Scene) -> None:
    """In turns, so that whatever else the host does hits both alike."""
    stage.start_worker()
    seconds: dict[int, list[float]] = {0: [], 300: []}
    for turn in range(3):
        for bad, taken in seconds.items():
            taken.append(seconds_for(stage, 1_500, bad, f"t{turn}-{bad}-"))
    share = median(seconds[0]) / median(seconds[300])
    stage.conclude(f"F10 one domain says 421, the others keep {share:.0%} of their rate", 0)
    assert share >= 0.9
    assert not any("bad.test" in address for address in stage.server.ledger.addresses)
