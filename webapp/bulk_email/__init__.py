"""The Bulk Email plugin: compose, send, and the list of all emails sent."""

from flask import Flask, url_for

from webapp import queue
from webapp.bulk_email import (
    jobs,
    routes_compose,
    routes_connections,
    routes_control,
    routes_endpoints,
    routes_groups,
    routes_lists,
    routes_send,
    routes_settings,
    routes_topics,
)
from webapp.bulk_email.plugin import PLUGIN, stock
from webapp.bulk_email.routes import bulk_email
from webapp.bulk_email.routes_public import public
from webapp.delivery import purging
from webapp.plugins import catalogue, closing, slots

ROUTES = (
    routes_compose,
    routes_connections,
    routes_control,
    routes_endpoints,
    routes_groups,
    routes_lists,
    routes_send,
    routes_settings,
    routes_topics,
)


def init_app(app: Flask) -> None:
    """Bind this room's pages to `app`."""
    catalogue.register(PLUGIN)
    app.register_blueprint(bulk_email)
    app.register_blueprint(public)
    queue.add_clock_task(jobs.tick)
    closing.add_purge(purging.purge_some)
    slots.add_stock(stock)
    slots.fill(
        slots.navigation_tabs,
        slots.Tab(
            "Bulk Email",
            "mail",
            lambda workspace: url_for("bulk_email.index", slug=workspace.slug),
            plugin=PLUGIN.name,
            order=20,
        ),
    )
