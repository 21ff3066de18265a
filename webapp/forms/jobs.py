"""Doorbells of imports and exports."""

from flask import current_app

from webapp import queue
from webapp.forms import exporting, importing


@queue.job(queue.Lane.CHORES)
def run_import(import_id: int) -> None:
    """Bring a file in."""
    importing.run(import_id)


@queue.job(queue.Lane.CHORES)
def run_export(export_id: int) -> None:
    """Make a file."""
    exporting.run(export_id, current_app.config["SETTINGS"].data_dir / "exports")
