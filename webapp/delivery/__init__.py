"""Recipients, attempts, events and statuses; the one door an event comes in by."""

from flask import Flask


def init_app(app: Flask) -> None:
    """Bind this room's pages to `app`."""
