"""The marketplace: what plugins exist and where they are on."""

from flask import Flask, url_for

from webapp import queue
from webapp.plugins import jobs, routes_closing, slots
from webapp.plugins.routes import plugins

ROUTES = (routes_closing,)


def init_app(app: Flask) -> None:
    """Bind the Marketplace to `app`."""
    app.register_blueprint(plugins)
    queue.add_clock_task(jobs.tick)
    slots.fill(
        slots.navigation_tabs,
        slots.Tab(
            "Marketplace",
            "building-store",
            lambda workspace: url_for("plugins.index", slug=workspace.slug),
            order=90,
        ),
    )
