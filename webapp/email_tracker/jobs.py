"""Doorbells of the tracker."""

import time

from flask import current_app

from webapp import providers, queue
from webapp.accounts.models import Workspace
from webapp.delivery import parking
from webapp.email_tracker import confirming, digesting
from webapp.extensions import db

SLICE_SECONDS = 50


@queue.job(queue.Lane.DIGESTING)
def digest() -> None:
    """Digest what is stored until nothing is left or the slice of time ends."""
    end = time.monotonic() + SLICE_SECONDS
    key = current_app.config["TOKEN_KEY"]
    while digesting.digest_some(providers.BY_NAME, key):
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


def tick() -> None:
    """What the clock wakes: digesting what is stored, what was parked and is due, confirming."""
    if digesting.are_waiting():
        queue.wake(digest)
    if parking.are_due():
        queue.wake(retry_parked)
    for connection_id in confirming.due():
        queue.wake(confirm, connection_id)
    db.session.rollback()
