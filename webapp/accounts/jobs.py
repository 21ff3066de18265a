"""Doorbells of the installation's own mail."""

from flask import current_app

from webapp import queue
from webapp.accounts import posting
from webapp.extensions import db


@queue.job(queue.Lane.TELLING, is_urgent=True)
def post(letter_id: int) -> None:
    """Post one letter."""
    config = current_app.config["SETTINGS"]
    posting.post(letter_id, config.mail_url, config.mail_from)


def tick() -> None:
    """Letters whose wake-up was lost, or whose relay was away."""
    posting.flag_doubtful()
    waiting = posting.waiting()
    db.session.rollback()
    for letter_id in waiting:
        queue.wake(post, letter_id)
