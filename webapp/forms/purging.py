"""What forms hold of a workspace, and its going when the workspace is deleted."""

from pathlib import Path

from sqlalchemy import delete, func, select

from webapp.accounts.models import Workspace
from webapp.extensions import db
from webapp.forms import indexing
from webapp.forms.models import Export, Form, Record

CHUNK = 5_000


def stock(workspace: Workspace) -> list[tuple[int, str]]:
    own = (Form.workspace_id == workspace.id, Form.source.is_(None), Form.hidden_at.is_(None))
    forms, records = db.session.execute(
        select(func.count(), func.coalesce(func.sum(Form.record_count), 0)).where(*own)
    ).one()
    return [(forms, "forms" if forms != 1 else "form"), (records, "records with their history")]


def purge_some(workspace_id: int, folder: Path) -> bool:
    """Delete some records and the files of exports; whether there were any. Not committed."""
    forms = select(Form.id).where(Form.workspace_id == workspace_id)
    exports = db.session.scalars(select(Export).where(Export.form_id.in_(forms))).all()
    for export in exports:
        if export.path:
            (folder / export.path).unlink(missing_ok=True)
        db.session.delete(export)
    rows = db.session.execute(
        select(Record.form_id, Record.id).where(Record.form_id.in_(forms)).limit(CHUNK)
    ).all()
    for form_id in {row.form_id for row in rows}:
        indexing.note(form_id, [row.id for row in rows if row.form_id == form_id])
    db.session.execute(delete(Record).where(Record.id.in_([row.id for row in rows])))
    return bool(rows or exports)
