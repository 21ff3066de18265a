"""The customer's tables: forms, fields, records, views and the data grid."""

from flask import Flask, url_for

from webapp import queue
from webapp.forms import (
    jobs,
    purging,
    record_rows,
    routes_forms,
    routes_grid,
    routes_records,
    routes_search,
    routes_transfer,
    sorting,
    sources,
)
from webapp.forms.blueprint import forms
from webapp.forms.record_rows import RecordRows
from webapp.plugins import closing, slots

ROUTES = (routes_grid, routes_forms, routes_records, routes_search, routes_transfer)


def init_app(app: Flask) -> None:
    """Bind the Data tab to `app`."""
    sources.register("records", RecordRows())
    sorting.register(record_rows.SORTED, record_rows.in_order)
    app.register_blueprint(forms)
    queue.add_clock_task(jobs.tick)
    closing.add_purge(jobs.purge_some)
    slots.add_stock(purging.stock)
    slots.fill(
        slots.navigation_tabs,
        slots.Tab(
            "Data", "table", lambda workspace: url_for("forms.index", slug=workspace.slug), order=10
        ),
    )
