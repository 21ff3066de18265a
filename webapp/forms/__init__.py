"""The customer's tables: forms, fields, records, views and the data grid."""

from flask import Flask


def init_app(app: Flask) -> None:
    """Bind this room's pages to `app`."""
