"""The marketplace: what plugins exist and where they are on."""

from flask import Flask, url_for

from webapp.plugins import slots
from webapp.plugins.routes import plugins


def init_app(app: Flask) -> None:
    """Bind the Marketplace to `app`."""
    app.register_blueprint(plugins)
    slots.fill(
        slots.navigation_tabs,
        slots.Tab(
            "Marketplace",
            "building-store",
            lambda workspace: url_for("plugins.index", slug=workspace.slug),
            order=90,
        ),
    )
