"""Bringing a file of addresses onto the list of suppressions, with its progress."""

import csv
import io
from collections.abc import Iterator

from flask import Response, abort, request, url_for
from flask_security.core import current_user
from flask_security.decorators import auth_required

from webapp import queue
from webapp.accounts.models import Role, Workspace
from webapp.bulk_email import importing_addresses, jobs, measuring, undoing_imports
from webapp.bulk_email.access import enter
from webapp.bulk_email.models_lists import AddressImport
from webapp.bulk_email.routes import bulk_email
from webapp.bulk_email.routes_settings import why_of_form
from webapp.bulk_email.suppression_list import PERIODS, REASONS
from webapp.extensions import db
from webapp.forms import reading_csv
from webapp.forms.reading_csv import NotCsv
from webapp.lib import clock, texts
from webapp.web import render, see_other


@bulk_email.route("/w/<slug>/suppressions/import", methods=["GET", "POST"])
@auth_required("session")
def import_suppressions(slug: str) -> Response:
    """Choose a file, and say why its addresses get no more mail."""
    workspace = enter(slug, Role.ADMIN)
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            kept = _upload(workspace)
            queue.wake(jobs.import_addresses, kept.id)
            return see_other(url_for("bulk_email.address_import", slug=slug, list_id=kept.id))
        except NotCsv as problem:
            db.session.rollback()
            errors = {"file": str(problem)}
    return render(
        "bulk_email/import_suppressions.html", status=422 if errors else 200, workspace=workspace,
        errors=errors, typed=request.form, reasons=REASONS, periods=PERIODS,
        latest=importing_addresses.latest(workspace),
    )  # fmt: skip


@bulk_email.route("/w/<slug>/suppressions/imports/<int:list_id>", methods=["GET", "POST"])
@auth_required("session")
def address_import(slug: str, list_id: int) -> Response:
    """How far it is, what it added, and what it did not understand; a POST undoes it, or goes on
    with undoing that was given up."""
    workspace = enter(slug, Role.ADMIN)
    kept = _find(list_id, workspace)
    errors = {}
    if request.method == "POST":
        reason = texts.one_line(request.form.get("reason", ""), 300)
        if reason or kept.is_undone or not kept.is_over:
            return _undo(kept, reason)
        errors = {"reason": "Say why; it is kept in the audit log."}
    return render(
        "bulk_email/address_import.html", "bulk_email/_address_import.html",
        status=422 if errors else 200, workspace=workspace, kept=kept, errors=errors,
        refused=importing_addresses.refused(kept.id) if kept.is_over else [], left=_left(kept),
        active=undoing_imports.active(kept) if kept.is_over else 0,
        shared=undoing_imports.shared(kept) if kept.is_over else 0,
    )  # fmt: skip


@bulk_email.get("/w/<slug>/suppressions/imports/<int:list_id>/refused.csv")
@auth_required("session")
def refused_addresses(slug: str, list_id: int) -> Response:
    """The lines that were not understood, to be mended and imported again."""
    kept = _find(list_id, enter(slug, Role.ADMIN))
    text = io.StringIO("\ufeff", newline="")
    text.seek(1)
    csv.writer(text).writerows(_rows(kept.id))
    headers = {"Content-Disposition": "attachment; filename=refused.csv"}
    return Response(text.getvalue(), mimetype="text/csv", headers=headers)


def _upload(workspace: Workspace) -> AddressImport:
    file = request.files.get("file")
    if file is None or not file.filename:
        raise NotCsv("Choose a CSV file first.")
    content = file.read(importing_addresses.MAX_BYTES + 1)
    why = why_of_form()
    return importing_addresses.upload(workspace, current_user, content, file.filename, why)


def _undo(kept: AddressImport, reason: str) -> Response:
    """A few at once, many by a worker."""
    if kept.is_undone and kept.is_failed:
        undoing_imports.try_again(kept)
        queue.wake(jobs.import_addresses, kept.id)
    elif undoing_imports.undo(kept, current_user, reason):
        if kept.undo_total <= undoing_imports.CHUNK:
            importing_addresses.run(kept.id)
        else:
            queue.wake(jobs.import_addresses, kept.id)
    return see_other(request.path)


def _find(list_id: int, workspace: Workspace) -> AddressImport:
    kept = db.session.get(AddressImport, list_id)
    if kept is None or kept.workspace_id != workspace.id:
        abort(404)
    return kept


def _left(kept: AddressImport) -> str:
    """ "about 15 s left", reckoned from what was done."""
    if kept.is_over or kept.rows_done < importing_addresses.CHUNK:
        return ""
    took = (clock.now() - kept.created_at).total_seconds()
    rest = took * (kept.rows_total - kept.rows_done) / kept.rows_done
    return f"about {measuring.duration(rest)} left"


def _rows(import_id: int) -> Iterator[list[str]]:
    yield ["Line", "Why", "Address"]
    for row in importing_addresses.refused(import_id, limit=importing_addresses.MOST_REFUSED):
        yield [reading_csv.safe_cell(each) for each in (row.line, row.refused, row.text)]
