"""Doorbells of deleted workspaces, and what the clock does for them."""

import time

from webapp import queue
from webapp.extensions import db
from webapp.lib import stopping
from webapp.plugins import closing

SLICE_SECONDS = 50


@queue.job(queue.Lane.CHORES)
def purge() -> None:
    """Delete what is left of deleted workspaces, for a slice of time."""
    end = time.monotonic() + SLICE_SECONDS
    while closing.purge_some():
        if stopping.is_asked() or time.monotonic() > end:
            return  # the clock wakes the next


def tick() -> None:
    """Wake for what is left."""
    are_closed = closing.are_closed()
    db.session.rollback()
    if are_closed:
        queue.wake(purge)
