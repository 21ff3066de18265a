"""A grid as a file, made in the background, safe to open in a spreadsheet."""

from contextlib import closing
from datetime import timedelta
from itertools import islice
from pathlib import Path

from sqlalchemy import select

from webapp.accounts.models import User
from webapp.columns import database_now
from webapp.extensions import db
from webapp.forms import claiming, filtering, grid, sheets, sources
from webapp.forms.models import Export, Form, TransferStage
from webapp.lib import clock

KEPT_FOR = timedelta(days=1)
CHUNK = 1000
CLOSING_SECONDS = 600  # a file of a million rows is packed only once it is whole


def begin(
    form: Form, query: grid.Query, by: User, *, kind: str = "csv", title: str = "", back: str = ""
) -> Export:
    """Ask for a file of what the grid shows. `kind` is one of sheets.KINDS; `title` names it and
    `back` is the address it was asked at, where that is not the form's. What a search or filter
    leaves is counted by who makes the file: until then `rows_total` is 0. Commits; then wake."""
    total = None if query.whole_filter else sources.source_of(form).count(form, query)
    settings = query.as_settings() | {
        "kind": kind if kind in sheets.KINDS else "csv",
        "title": title,
        "back": back,
    }
    export = Export(form_id=form.id, user_id=by.id, settings=settings, rows_total=total or 0)
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
        kind = _write(export_id, fence, part)
        path = part.replace(folder / f"export-{export_id}.{kind}")
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


def kind_of(export: Export) -> str:
    """A key of sheets.KINDS."""
    return export.settings.get("kind", "csv")


def _write(export_id: int, fence: int, path: Path) -> str:
    """What kind of file it became."""
    export = db.session.get_one(Export, export_id)
    form, query, kind = export.form, query_of(export), kind_of(export)
    source = sources.source_of(form)
    if query.whole_filter:
        claiming.keep(Export, export_id, fence, rows_total=source.count(form, query) or 0)
        db.session.commit()
    known = source.columns(form)
    columns = [column for column in known if column.key in query.columns] or known
    rows = source.export(form, query)
    done = 0
    with closing(sheets.KINDS[kind].sheet(path, columns)) as sheet:
        while chunk := list(islice(rows, CHUNK)):
            sheet.write(chunk)
            done += len(chunk)
            claiming.keep(Export, export_id, fence, rows_done=done)
            db.session.commit()
        claiming.keep(Export, export_id, fence, lease_until=database_now(CLOSING_SECONDS))
        db.session.commit()
    return kind


def _fail(export_id: int, why: str) -> None:
    export = db.session.get(Export, export_id)
    if export is None:
        return
    export.stage, export.error, export.finished_at = TransferStage.FAILED, why[:500], clock.now()
    db.session.commit()
