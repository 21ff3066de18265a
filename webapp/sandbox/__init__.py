"""The built-in SMTP server that keeps every mail and plays out outcomes."""

from flask import Flask, current_app, url_for

from webapp.accounts import access
from webapp.accounts.models import Role, Workspace
from webapp.sandbox.routes import sandbox


def init_app(app: Flask) -> None:
    """Bind this room's pages to `app`."""
    app.register_blueprint(sandbox)


def address(workspace: Workspace) -> str:
    """Where the tab in the bar leads."""
    return url_for("sandbox.index", slug=workspace.slug)


def is_shown() -> bool:
    """Whether the tab is there: for admins, where the sandbox runs."""
    return current_app.config["SETTINGS"].sandbox and access.is_allowed(Role.ADMIN)
