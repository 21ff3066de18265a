"""The Email Tracker plugin: what became of every copy, and why."""

from flask import Flask, url_for

from webapp import queue
from webapp.accounts.models import Workspace
from webapp.email_tracker import (
    jobs,
    panels,
    recipients,
    routes_export,
    routes_people,
    routes_print,
    routes_resend,
    routes_return,
    routes_trends,
    routes_unmatched,
)
from webapp.email_tracker.hooks import hooks
from webapp.email_tracker.plugin import PLUGIN
from webapp.email_tracker.routes import email_tracker
from webapp.email_tracker.routes_following import links
from webapp.email_tracker.stats_rows import SOURCE, StatsRows
from webapp.forms import sorting, sources
from webapp.plugins import catalogue, slots
from webapp.plugins.slots import Panel, Tab

ROUTES = (
    routes_export,
    routes_people,
    routes_print,
    routes_resend,
    routes_return,
    routes_trends,
    routes_unmatched,
)  # they add their pages to the blueprint


def _help_address(workspace: Workspace) -> str:
    return url_for("email_tracker.statuses", slug=workspace.slug)


def _trends_address(workspace: Workspace) -> str:
    return url_for("email_tracker.trends", slug=workspace.slug)


def init_app(app: Flask) -> None:
    """Bind this room's pages to `app`, and fill the places that others keep for it."""
    catalogue.register(PLUGIN)
    product_name = app.config["SETTINGS"].product_name
    sorting.register(recipients.SORTED, recipients.in_order)
    sources.register(SOURCE, StatsRows(lambda: product_name))
    app.register_blueprint(hooks)
    app.register_blueprint(email_tracker)
    app.register_blueprint(links)
    queue.add_clock_task(jobs.tick)

    name = PLUGIN.name
    slots.fill(slots.bulk_emails_banners, Panel("install", "Install the tracker", panels.banner))
    slots.fill(
        slots.bulk_emails_banners, Panel("unmatched", "Unmatched", panels.unmatched_link, name)
    )
    slots.fill(
        slots.bulk_email_panels, Panel("overview", "Overview", panels.overview, name, order=10)
    )
    slots.fill(
        slots.bulk_email_panels,
        Panel("recipients", "Recipients", panels.recipients_panel, name, order=20),
    )
    slots.fill(slots.bulk_emails_links, Tab("Trends", "chart-bar", _trends_address, plugin=name))
    slots.fill(
        slots.navigation_tools,
        Tab("What the statuses mean", "info-circle", _help_address, plugin=name),
    )
    slots.fill(
        slots.connection_panels, Panel("bounces", "Mail that comes back", panels.return_link)
    )
    slots.fill(slots.suppression_panels, Panel("report", "The report", panels.source_link, name))
    slots.fill(slots.search_panels, Panel("people", "People", panels.people_found, name))
    slots.fill(
        slots.record_panels, Panel("emails", "Emails to this person", panels.emails_of, name)
    )
