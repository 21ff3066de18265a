"""The Bulk Email plugin: compose, send, and the list of all emails sent."""

from flask import Flask

from webapp import queue
from webapp.bulk_email import jobs


def init_app(app: Flask) -> None:
    """Bind this room's pages to `app`."""
    queue.add_clock_task(jobs.tick)
