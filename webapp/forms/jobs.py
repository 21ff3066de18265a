"""Doorbells of imports and exports, and what the clock does for them."""

import time
from pathlib import Path

from flask import current_app

from webapp import queue
from webapp.extensions import db
from webapp.forms import exporting, importing, indexing, purging, sorting
from webapp.lib import stopping

SLICE_SECONDS = 10  # an import or export may wait for its turn


@queue.job(queue.Lane.CHORES)
def run_import(import_id: int) -> None:
    """Bring a file in."""
    importing.run(import_id)


@queue.job(queue.Lane.CHORES)
def run_export(export_id: int) -> None:
    """Make a file."""
    exporting.run(export_id, folder())


@queue.job(queue.Lane.CHORES)
def index_records() -> None:
    """Bring the index of the search up to date. Others write meanwhile: half of the time is
    theirs."""
    end = time.monotonic() + SLICE_SECONDS
    while (begin := time.monotonic()) < end and not stopping.is_asked():
        if not indexing.index_some():
            return
        time.sleep(time.monotonic() - begin)


@queue.job(queue.Lane.TELLING)
def sort(sorting_id: int) -> None:
    """Bring many rows into an order."""
    sorting.run(sorting_id)


def tick() -> None:
    """Wake for what nobody is at, end what leads nowhere, forget what is old."""
    sorting.give_up_hopeless()
    importing.give_up_hopeless()
    exporting.give_up_hopeless()
    exporting.forget_old(folder())
    imports, exports = importing.waiting(), exporting.waiting()
    is_behind, sortings = indexing.is_due(), sorting.waiting()
    db.session.rollback()
    for import_id in imports:
        queue.wake(run_import, import_id)
    for export_id in exports:
        queue.wake(run_export, export_id)
    for sorting_id in sortings:
        queue.wake(sort, sorting_id)
    if is_behind:
        queue.wake(index_records)


def purge_some(workspace_id: int) -> bool:
    """Of a deleted workspace; whether there was anything."""
    return purging.purge_some(workspace_id, folder())


def folder() -> Path:
    return current_app.config["SETTINGS"].data_dir / "exports"
