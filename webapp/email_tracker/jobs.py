"""Doorbells of the tracker."""

import time

from flask import current_app

from webapp import providers, queue
from webapp.accounts import jobs as accounts_jobs
from webapp.accounts.models import Workspace
from webapp.bulk_email.jobs import means
from webapp.delivery import attaching, attending, parking
from webapp.email_tracker import (
    confirming,
    digesting,
    introducing,
    minding,
    polling,
    summing_up,
    surveying,
)
from webapp.extensions import db

SLICE_SECONDS = 50


@queue.job(queue.Lane.DIGESTING)
def digest() -> None:
    """Digest what is stored until nothing is left or the slice of time ends."""
    end = time.monotonic() + SLICE_SECONDS
    key = current_app.config["TOKEN_KEY"]
    while digesting.digest_some(providers.READERS, key):
        if time.monotonic() > end:
            queue.wake(digest)
            return


@queue.job(queue.Lane.DIGESTING)
def retry_parked() -> None:
    """Try once more to match what was parked."""
    parking.try_again(current_app.config["TOKEN_KEY"])


@queue.job(queue.Lane.DIGESTING)
def apply_unapplied(workspace_id: int) -> None:
    """Digest what arrived while the tracker was off."""
    if digesting.apply_unapplied(db.session.get_one(Workspace, workspace_id)):
        queue.wake(digest)


@queue.job(queue.Lane.DIGESTING)
def confirm(connection_id: int) -> None:
    """Visit the address that a provider wants visited before it reports."""
    confirming.confirm(connection_id)


@queue.job(queue.Lane.CHORES)
def look_into_mailbox(connection_id: int) -> None:
    """Take what came back out of the mailbox of a bounce address."""
    verify = not current_app.config["SETTINGS"].allow_private_smtp
    if polling.look(connection_id, verify=verify):
        queue.wake(digest)


@queue.job(queue.Lane.TELLING)
def sum_up(bulk_email_id: int) -> None:
    """Count what the Overview of a large email shows."""
    summing_up.count(bulk_email_id)


@queue.job(queue.Lane.TELLING)
def survey(workspace_id: int) -> None:
    """Count what the Trends of a workspace show."""
    surveying.count(workspace_id)


@queue.job(queue.Lane.CHORES)
def introduce(bulk_email_id: int) -> None:
    """Make everybody an email went to somebody who can be looked for."""
    end = time.monotonic() + SLICE_SECONDS
    while introducing.introduce_some(bulk_email_id):
        if time.monotonic() > end:
            return  # the clock wakes for the rest


@queue.job(queue.Lane.CHORES)
def judge_old() -> None:
    """Judge once more who opened and clicked, after the rules have changed."""
    end = time.monotonic() + SLICE_SECONDS
    while attending.judge_old():
        if time.monotonic() > end:
            return  # the clock wakes for the rest


@queue.job(queue.Lane.CHORES)
def mind(connection_id: int) -> None:
    """Tell admins of a hook that does not do well."""
    for letter_id in minding.look(connection_id, means()):
        queue.wake(accounts_jobs.post, letter_id)


def tick() -> None:
    """What the clock wakes: digesting what is stored, what was parked and is due, confirming, and
    looking into mailboxes."""
    if digesting.are_waiting():
        queue.wake(digest)
    if parking.are_due():
        queue.wake(retry_parked)
    for connection_id in confirming.due():
        queue.wake(confirm, connection_id)
    for connection_id in polling.due():
        queue.wake(look_into_mailbox, connection_id)
    for connection_id in minding.due():
        queue.wake(mind, connection_id)
    attaching.forget_old()
    for bulk_email_id in introducing.due():
        queue.wake(introduce, bulk_email_id)
    if attending.are_old():
        queue.wake(judge_old)
    db.session.rollback()
