"""Doorbells of imports and exports, and what the clock does for them."""

from pathlib import Path

from flask import current_app

from webapp import queue
from webapp.extensions import db
from webapp.forms import exporting, importing, purging


@queue.job(queue.Lane.CHORES)
def run_import(import_id: int) -> None:
    """Bring a file in."""
    importing.run(import_id)


@queue.job(queue.Lane.CHORES)
def run_export(export_id: int) -> None:
    """Make a file."""
    exporting.run(export_id, folder())


def tick() -> None:
    """Wake for what nobody is at, end what leads nowhere, forget what is old."""
    importing.give_up_hopeless()
    exporting.give_up_hopeless()
    exporting.forget_old(folder())
    imports, exports = importing.waiting(), exporting.waiting()
    db.session.rollback()
    for import_id in imports:
        queue.wake(run_import, import_id)
    for export_id in exports:
        queue.wake(run_export, export_id)


def purge_some(workspace_id: int) -> bool:
    """Of a deleted workspace; whether there was anything."""
    return purging.purge_some(workspace_id, folder())


def folder() -> Path:
    return current_app.config["SETTINGS"].data_dir / "exports"
