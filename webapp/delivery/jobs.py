"""Doorbells of delivery."""

from webapp import queue
from webapp.delivery import grouping, resolving


@queue.job(queue.Lane.CHORES)
def look_up_domains() -> None:
    """Find out who runs the mailboxes of domains that were written to."""
    if grouping.look_up_some(resolving.mx_hosts):
        queue.wake(look_up_domains)
