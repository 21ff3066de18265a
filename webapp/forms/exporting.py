"""A grid as a CSV file, made in the background, safe to open in a spreadsheet."""

import csv
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from webapp.accounts.models import User
from webapp.extensions import db
from webapp.forms import filtering, grid, sources
from webapp.forms.models import Export, Form, TransferStage
from webapp.forms.reading_csv import safe_cell
from webapp.lib import clock

KEPT_FOR = timedelta(days=1)
CHUNK = 1000


def begin(form: Form, query: grid.Query, by: User) -> Export:
    """Ask for a file of what the grid shows. Commits; then wake."""
    total = sources.source_of(form).count(form, query) or form.record_count
    export = Export(form_id=form.id, user_id=by.id, settings=query.as_settings(), rows_total=total)
    db.session.add(export)
    db.session.commit()
    return export


def run(export_id: int, folder: Path) -> None:
    """Write the file beside its place, then put it there: nobody loads half of it. Commits."""
    export = db.session.get(Export, export_id)
    if export is None or export.stage != TransferStage.RUNNING:
        db.session.rollback()
        return
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"export-{export.id}.csv"
    try:
        _write(export, path.with_suffix(".part"))
    except filtering.FilterError as error:
        db.session.rollback()
        _end(export_id, TransferStage.FAILED, error=str(error))
        return
    path.with_suffix(".part").replace(path)
    _end(export_id, TransferStage.FINISHED, path=path.name)


def running() -> list[int]:
    return list(db.session.scalars(select(Export.id).where(Export.stage == TransferStage.RUNNING)))


def query_of(export: Export) -> grid.Query:
    return grid.read_text(export.settings["query"])


def _write(export: Export, path: Path) -> None:
    export_id, form = export.id, export.form
    query = query_of(export)
    source = sources.source_of(form)
    known = source.columns(form)
    columns = [column for column in known if column.key in query.columns] or known
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        writer.writerow([safe_cell(column.label) for column in columns])
        done = 0
        for cells in source.export(form, query):
            writer.writerow([_cell(cells.get(column.key)) for column in columns])
            done += 1
            if done % CHUNK == 0:
                _note_progress(export_id, done)
    _note_progress(export_id, done)


def _cell(value: object) -> str:
    return value.isoformat(" ", "seconds") if isinstance(value, datetime) else safe_cell(value)


def _note_progress(export_id: int, done: int) -> None:
    db.session.get(Export, export_id).rows_done = done
    db.session.commit()


def _end(export_id: int, stage: TransferStage, path: str = "", error: str = "") -> None:
    export = db.session.get(Export, export_id)
    export.stage, export.path, export.error = stage, path, error[:500]
    export.rows_total = max(export.rows_done, 0)
    export.finished_at = clock.now()
    db.session.commit()
