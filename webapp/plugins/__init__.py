"""The marketplace: what plugins exist and where they are on."""

from flask import Flask


def init_app(app: Flask) -> None:
    """Bind this room's pages to `app`."""
