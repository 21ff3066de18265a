"""The Email Tracker plugin: what became of every copy, and why."""

from flask import Flask

from webapp import queue
from webapp.email_tracker import jobs
from webapp.email_tracker.hooks import hooks


def init_app(app: Flask) -> None:
    """Bind this room's pages to `app`."""
    app.register_blueprint(hooks)
    queue.add_clock_task(jobs.tick)
