"""The built-in SMTP server that keeps every mail and plays out outcomes."""

from flask import Flask


def init_app(app: Flask) -> None:
    """Bind this room's pages to `app`."""
