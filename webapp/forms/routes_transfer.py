"""Imports and exports, with their progress."""

import csv
import io
import tempfile
from collections.abc import Sequence

from flask import Response, abort, request, send_file, url_for
from flask_security.core import current_user
from flask_security.decorators import auth_required

from webapp import queue
from webapp.accounts import access
from webapp.accounts.models import Role, Workspace
from webapp.extensions import db
from webapp.forms import exporting, grid, importing, jobs, reading_csv, sheets, writing
from webapp.forms.blueprint import find_form, forms
from webapp.forms.models import Export, FieldKind, Form, Import, TransferStage
from webapp.forms.reading_csv import Dialect, NotCsv
from webapp.forms.routes_forms import KINDS
from webapp.lib import clock, texts
from webapp.web import render, see_other


@forms.route("/w/<slug>/data/import", methods=["GET", "POST"])
@auth_required("session")
def import_new(slug: str) -> Response:
    """Make a form from a file."""
    workspace = access.enter(slug, Role.EDITOR)
    return _upload(workspace, None)


@forms.route("/w/<slug>/data/<int:form_id>/import", methods=["GET", "POST"])
@auth_required("session")
def import_into(slug: str, form_id: int) -> Response:
    """Bring a file into a form."""
    workspace = access.enter(slug, Role.EDITOR)
    return _upload(workspace, find_form(form_id, workspace, editable=True))


def _upload(workspace: Workspace, form: Form | None) -> Response:
    context = {"workspace": workspace, "form": form, "max_bytes": importing.MAX_BYTES}
    if request.method != "POST":
        return render("forms/import.html", errors={}, **context)
    file = request.files.get("file")
    if file is None or not file.filename:
        errors = {"file": "Choose a CSV file first."}
        return render("forms/import.html", status=422, errors=errors, **context)
    content = file.read(importing.MAX_BYTES + 1)
    try:
        reading_csv.detect(content)
        if form is None:
            name = texts.one_line(file.filename.rsplit(".", 1)[0], 120) or "People"
            form = writing.create_form(workspace, name, [])
            form.hidden_at = clock.now()  # until its first import begins
        kept = importing.upload(form, current_user, file.filename, content)
    except NotCsv as problem:
        db.session.rollback()
        errors = {"file": str(problem)}
        return render("forms/import.html", status=422, errors=errors, **context)
    return see_other(
        url_for("forms.map_import", slug=workspace.slug, form_id=form.id, import_id=kept.id)
    )


@forms.route("/w/<slug>/data/<int:form_id>/imports/<int:import_id>/map", methods=["GET", "POST"])
@auth_required("session")
def map_import(slug: str, form_id: int, import_id: int) -> Response:
    """Which column goes into which field."""
    workspace = access.enter(slug, Role.EDITOR)
    form = find_form(form_id, workspace, editable=True, beginning=True)
    kept = _find_import(form, import_id)
    where = url_for("forms.import_report", slug=slug, form_id=form.id, import_id=kept.id)
    if kept.stage != TransferStage.UPLOADED:
        return see_other(where)
    names, sample = reading_csv.head_and_sample(
        kept.content, Dialect(kept.encoding, kept.delimiter), importing.SAMPLE
    )
    mapping = importing.suggested_mapping(form, names, sample)
    error = ""
    if request.method == "POST":
        mapping = {number: request.form.get(f"column-{number}", "") for number in range(len(names))}
        error = _problem(form, mapping)
        if not error:
            final = {str(number): target for number, target in mapping.items()}
            if importing.begin(kept, final, names):
                queue.wake(jobs.run_import, kept.id)
            return see_other(where)
    return render(
        "forms/map_import.html", status=422 if error else 200, workspace=workspace, form=form,
        kept=kept, names=names, sample=sample, mapping=mapping, kinds=KINDS, new=importing.NEW,
        error=error,
    )  # fmt: skip


def _problem(form: Form, mapping: dict[int, str]) -> str:
    """Why columns cannot go where they should; "" when they can."""
    labels = {field.key: field.label for field in form.fields}
    kinds = {importing.NEW + kind for kind in FieldKind if kind != FieldKind.CHOICE}
    targets = [target for target in mapping.values() if target]
    if not targets:
        return "Say for one column at least where it goes."
    if any(target not in labels and target not in kinds for target in targets):
        return "The form has changed meanwhile. Look through the list again."
    double = next((key for key in targets if key in labels and targets.count(key) > 1), None)
    return f"Two columns go into {labels[double]}. Choose one of them." if double else ""


@forms.get("/w/<slug>/data/<int:form_id>/imports/<int:import_id>")
@auth_required("session")
def import_report(slug: str, form_id: int, import_id: int) -> Response:
    """How far an import is, and what it refused."""
    workspace = access.enter(slug, Role.EDITOR)
    form = find_form(form_id, workspace, editable=True)
    kept = _find_import(form, import_id)
    is_over = kept.stage in (TransferStage.FINISHED, TransferStage.FAILED)
    return render(
        "forms/import_report.html", "forms/_import_report.html", workspace=workspace, form=form,
        kept=kept, is_over=is_over, refused=importing.refused(kept.id) if is_over else [],
        written=importing.count_written(kept), unusable=importing.unusable(form),
    )  # fmt: skip


@forms.get("/w/<slug>/data/<int:form_id>/imports/<int:import_id>/refused.csv")
@auth_required("session")
def refused_rows(slug: str, form_id: int, import_id: int) -> Response:
    """The refused rows with their reasons, to be mended and imported again."""
    workspace = access.enter(slug, Role.EDITOR)
    kept = _find_import(find_form(form_id, workspace, editable=True), import_id)
    file = tempfile.SpooledTemporaryFile(max_size=1_000_000)  # noqa: SIM115 (the answer closes it)
    file.write("\ufeffLine,Reason,Row\r\n".encode())
    last = 0
    while rows := importing.refused(kept.id, after_line=last, limit=1000):
        file.write(_refused_lines(rows).encode())
        last = rows[-1].line
    file.seek(0)
    return send_file(file, "text/csv", as_attachment=True, download_name="refused.csv")  # type: ignore[arg-type]


def _refused_lines(rows: Sequence) -> str:
    text = io.StringIO()
    for line, reason, values in rows:
        cells = [values[key] for key in sorted(values, key=int)]
        csv.writer(text).writerow(map(reading_csv.safe_cell, (line, reason, *cells)))
    return text.getvalue()


@forms.post("/w/<slug>/data/<int:form_id>/export")
@auth_required("session")
def export(slug: str, form_id: int) -> Response:
    """Ask for a file of what the grid shows."""
    workspace = access.enter(slug)
    form = find_form(form_id, workspace)
    query, kind = grid.read(request.args), request.form.get("kind", "csv")
    made = exporting.begin(form, query, current_user, kind=kind)
    queue.wake(jobs.run_export, made.id)
    return see_other(url_for("forms.export_report", slug=slug, form_id=form.id, export_id=made.id))


@forms.get("/w/<slug>/data/<int:form_id>/exports/<int:export_id>")
@auth_required("session")
def export_report(slug: str, form_id: int, export_id: int) -> Response:
    workspace = access.enter(slug)
    form = find_form(form_id, workspace)
    made = _find_export(form, export_id)
    context = {
        "workspace": workspace,
        "form": form,
        "export": made,
        "kind": sheets.KINDS[exporting.kind_of(made)],
        "title": made.settings.get("title") or form.name,
        "back": made.settings.get("back") or url_for("forms.show", slug=slug, form_id=form.id),
    }
    return render("forms/export_report.html", "forms/_export_report.html", **context)


@forms.get("/w/<slug>/data/<int:form_id>/exports/<int:export_id>/file")
@auth_required("session")
def export_file(slug: str, form_id: int, export_id: int) -> Response:
    workspace = access.enter(slug)
    form = find_form(form_id, workspace)
    made = _find_export(form, export_id)
    path = jobs.folder() / (made.path or "none")
    if made.stage != TransferStage.FINISHED or not path.is_file():
        abort(404)
    kind = exporting.kind_of(made)
    name = f"{texts.file_name(made.settings.get('title') or form.name)}.{kind}"
    return send_file(path, sheets.KINDS[kind].mimetype, as_attachment=True, download_name=name)


def _find_import(form: Form, import_id: int) -> Import:
    kept = db.session.get(Import, import_id)
    if kept is None or kept.form_id != form.id:
        abort(404)
    return kept


def _find_export(form: Form, export_id: int) -> Export:
    """An export belongs to who asked for it; to everybody else it does not exist."""
    made = db.session.get(Export, export_id)
    if made is None or made.form_id != form.id or made.user_id != current_user.id:
        abort(404)
    return made
