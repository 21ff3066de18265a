"""The Bulk Email plugin: compose, send, and the list of all emails sent."""

from flask import Flask


def init_app(app: Flask) -> None:
    """Bind this room's pages to `app`."""
