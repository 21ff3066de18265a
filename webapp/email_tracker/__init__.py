"""The Email Tracker plugin: what became of every copy, and why."""

from flask import Flask


def init_app(app: Flask) -> None:
    """Bind this room's pages to `app`."""
