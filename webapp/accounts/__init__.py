"""Workspace, Member, signing in, who may do what, the audit log."""

from flask import Flask


def init_app(app: Flask) -> None:
    """Bind this room's pages to `app`."""
