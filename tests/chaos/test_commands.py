"""F11 to F13: people give commands in mid-send, twice, and all at once."""

import threading
import time

import pytest
from sqlalchemy import select

from tests import makers
from tests.cast import BrowserLike, signed_in_client
from tests.chaos.conftest import of, only_long
from tests.chaos.harness import Scene, some_are_sent
from webapp import queue
from webapp.bulk_email import jobs, sending
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.delivery import suppressing
from webapp.delivery.models import Recipient
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.mail.causes import Cause
from webapp.plugins import catalogue, installing

pytestmark = pytest.mark.chaos
IN_HAND = 64


def submit_at_once(stage: Scene, bulk_email_id: int, times: int) -> list[int]:
    """The statuses of `times` parallel posts of one Send page."""
    stage.app.config["WTF_CSRF_ENABLED"] = False
    stage.app.test_client_class = BrowserLike
    alice = signed_in_client(stage.app, stage.cast.alice)
    cookie = alice.get_cookie("session").value
    start, statuses = threading.Barrier(times), []

    def submit() -> None:
        client = stage.app.test_client()
        client.set_cookie("session", cookie)
        start.wait()
        with stage.app.app_context():
            data = {"nonce": "of this page", "hours": "72"}
            answer = client.post(f"/w/acme/emails/{bulk_email_id}/send", data=data)
            statuses.append(answer.status_code)

    threads = [threading.Thread(target=submit) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


def test_eight_submits_of_one_nonce_are_one_send(stage: Scene) -> None:
    installing.install(stage.cast.workspace, catalogue.find("bulk_email"), stage.cast.alice)
    stage.start_worker()
    for number in range(of(1, 5)):
        rows = [(f"P {n}", f"n{number}-{n}@x.test") for n in range(20)]
        form = makers.make_form(stage.cast.workspace, rows)
        bulk_email = makers.make_email(form, stage.connection, stage.cast.alice)
        stage.emails.append(bulk_email.id)
        statuses = submit_at_once(stage, bulk_email.id, 8)
        assert set(statuses) == {303}
    stage.wait_until_over()
    stage.conclude("F11 eight submits of one nonce", 0)


@only_long
def test_pause_and_cancel_under_load(stage: Scene) -> None:
    bulk_email = stage.send(3_000)
    for _ in range(2):
        stage.start_worker()
    stage.wait_for(some_are_sent)

    assert sending.pause(bulk_email, stage.cast.alice)
    assert_nothing_leaves(stage)
    assert sending.resume(bulk_email, stage.cast.alice)
    queue.wake(jobs.drain)
    before = len(stage.server.ledger.mails)
    stage.wait_for(lambda counts: len(stage.server.ledger.mails) > before + 100)
    assert sending.cancel(db.session.get_one(BulkEmail, bulk_email.id), stage.cast.alice)
    queue.wake(jobs.withhold_rest, bulk_email.id)
    assert_nothing_leaves(stage)

    counts = stage.wait_until_over()
    assert counts[Status.WITHHELD] > 1_000
    assert stage.stage_of(bulk_email.id) == Stage.CANCELLED
    stage.conclude("F12 pause and cancel", 0)


def assert_nothing_leaves(stage: Scene) -> None:
    """But the groups in hand."""
    before = len(stage.server.ledger.mails)
    time.sleep(2)
    after = len(stage.server.ledger.mails)
    assert after <= before + 2 * IN_HAND
    time.sleep(1)
    assert len(stage.server.ledger.mails) == after


@only_long
def test_suppressing_in_mid_send(stage: Scene) -> None:
    stage.send(3_000)
    stage.start_worker()
    stage.wait_for(some_are_sent)
    waiting = db.session.scalars(
        select(Recipient.address).where(
            Recipient.status == Status.QUEUED, Recipient.in_flight_at.is_(None)
        )
    ).all()
    chosen = waiting[::5]
    entries = [suppressing.Entry(address, Cause.UNSUBSCRIBED) for address in chosen]
    suppressing.suppress(stage.cast.workspace.id, entries)
    db.session.commit()

    counts = stage.wait_until_over()
    got_it = set(chosen) & set(stage.server.ledger.addresses)
    assert len(got_it) <= IN_HAND  # those marked while the suppressions were being written
    assert not got_it & set(chosen[-300:])
    assert counts[Status.WITHHELD] == len(chosen) - len(got_it)
    stage.conclude("F13 suppressed in mid-send", 0)
