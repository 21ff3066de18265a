"""A grid as a CSV file, made in the background, safe to open in a spreadsheet."""

import csv
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

from sqlalchemy import select

from webapp.accounts.models import User
from webapp.extensions import db
from webapp.forms import claiming, filtering, grid, sources
from webapp.forms.models import Export, Form, TransferStage
from webapp.forms.reading_csv import safe_cell
from webapp.forms.sources import Column
from webapp.lib import clock

KEPT_FOR = timedelta(days=1)
CHUNK = 1000


def begin(form: Form, query: grid.Query, by: User) -> Export:
    """Ask for a file of what the grid shows. Raises FilterError. Commits; then wake."""
    total = sources.source_of(form).count(form, query) or form.record_count
    export = Export(form_id=form.id, user_id=by.id, settings=query.as_settings(), rows_total=total)
    db.session.add(export)
    db.session.commit()
    return export


def run(export_id: int, folder: Path) -> None:
    """Write the file beside its place, then put it there: nobody loads half of it. Commits."""
    fence = claiming.claim(Export, export_id)
    if fence is None:
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = folder / f"export-{export_id}-{fence}.part"
    try:
        _write(export_id, fence, part)
        path = part.replace(folder / f"export-{export_id}.csv")
        claiming.keep(
            Export, export_id, fence, stage=TransferStage.FINISHED, path=path.name,
            finished_at=clock.now(), rows_total=Export.rows_done,
        )  # fmt: skip
        db.session.commit()
    except claiming.Lost:
        pass
    except filtering.FilterError as error:
        db.session.rollback()
        _fail(export_id, str(error))
    finally:
        part.unlink(missing_ok=True)


def waiting() -> list[int]:
    """Exports that a worker should be at."""
    return claiming.waiting(Export)


def give_up_hopeless() -> None:
    """End what was tried often and never got further. Commits."""
    for export_id in claiming.hopeless(Export):
        _fail(export_id, "It stopped several times at the same place. The log says why.")


def forget_old(folder: Path) -> None:
    """A file is kept a day. Commits."""
    old = db.session.scalars(
        select(Export).where(Export.path != "", Export.finished_at < clock.now() - KEPT_FOR)
    ).all()
    for export in old:
        (folder / export.path).unlink(missing_ok=True)
        export.path = ""
    db.session.commit()


def query_of(export: Export) -> grid.Query:
    return grid.read_text(export.settings["query"])


def _write(export_id: int, fence: int, path: Path) -> None:
    export = db.session.get_one(Export, export_id)
    form, query = export.form, query_of(export)
    source = sources.source_of(form)
    known = source.columns(form)
    columns = [column for column in known if column.key in query.columns] or known
    rows = source.export(form, query)
    done = 0
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        writer.writerow([safe_cell(column.label) for column in columns])
        while chunk := list(islice(rows, CHUNK)):
            writer.writerows(_lines(chunk, columns))
            done += len(chunk)
            claiming.keep(Export, export_id, fence, rows_done=done)
            db.session.commit()


def _lines(rows: list[dict], columns: list[Column]) -> Iterator[list[str]]:
    for cells in rows:
        yield [_cell(cells.get(column.key), column) for column in columns]


def _cell(value: object, column: Column) -> str:
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds")
    return str(value) if column.kind == "number" and _is_number(value) else safe_cell(value)


def _is_number(value: object) -> bool:
    """Whether it is a number and nothing else: -5 is no formula."""
    try:
        float(str(value))
    except ValueError:
        return False
    return True


def _fail(export_id: int, why: str) -> None:
    export = db.session.get(Export, export_id)
    if export is None:
        return
    export.stage, export.error, export.finished_at = TransferStage.FAILED, why[:500], clock.now()
    db.session.commit()
