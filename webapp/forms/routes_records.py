"""One record: reading, writing, editing with history, deleting."""

from flask import Response, abort, request, url_for
from flask_security.core import current_user
from flask_security.decorators import auth_required
from markupsafe import Markup

from webapp.accounts import access, auditing
from webapp.accounts.models import Role, Workspace
from webapp.extensions import db
from webapp.forms import sources, values, writing
from webapp.forms.blueprint import find_form, forms
from webapp.forms.models import Form, Record
from webapp.plugins import installing, slots
from webapp.web import notice, render, see_other


@forms.get("/w/<slug>/data/<int:form_id>/records/<int:record_id>")
@auth_required("session")
def record(slug: str, form_id: int, record_id: int) -> Response:
    """The record page, of whatever source the form has."""
    workspace = access.enter(slug)
    form = find_form(form_id, workspace)
    source = sources.source_of(form)
    found = source.record_page(form, record_id)
    if found is None:
        abort(404)
    template, context = found
    subject = context.get("record")
    return render(
        "forms/record.html",
        "forms/_record.html",
        workspace=workspace,
        form=form,
        body=template,
        panels=_panels(workspace, subject) if source.is_editable else [],
        can_edit=access.is_allowed(Role.EDITOR) and source.is_editable,
        **context,
    )


def _panels(workspace: Workspace, subject: Record) -> list[tuple[str, Markup]]:
    on = installing.installed(workspace)
    filled = [panel for panel in slots.record_panels if panel.plugin is None or panel.plugin in on]
    return [(panel.label, Markup(html)) for panel in filled if (html := panel.render(subject))]


@forms.route("/w/<slug>/data/<int:form_id>/records/new", methods=["GET", "POST"])
@auth_required("session")
def new_record(slug: str, form_id: int) -> Response:
    workspace = access.enter(slug, Role.EDITOR)
    form = find_form(form_id, workspace, editable=True)
    if request.method != "POST":
        return _edit_page(workspace, form, None, {}, {})
    typed, read, errors = _read(form)
    if errors:
        return _edit_page(workspace, form, None, typed, errors)
    writing.add_records(
        form, [{k: v for k, v in read.items() if v is not None}], current_user, "created"
    )
    db.session.commit()
    notice("The record is added.")
    return see_other(url_for("forms.show", slug=slug, form_id=form.id))


@forms.route("/w/<slug>/data/<int:form_id>/records/<int:record_id>/edit", methods=["GET", "POST"])
@auth_required("session")
def edit_record(slug: str, form_id: int, record_id: int) -> Response:
    workspace = access.enter(slug, Role.EDITOR)
    form = find_form(form_id, workspace, editable=True)
    found = _find(form, record_id)
    if request.method != "POST":
        typed = {
            field.key: values.show(field, found.values.get(field.key)) for field in form.fields
        }
        return _edit_page(workspace, form, found, typed, {})
    typed, read, errors = _read(form)
    if errors:
        return _edit_page(workspace, form, found, typed, errors)
    changed = writing.edit_record(found, read, current_user)
    db.session.commit()
    notice("Saved." if changed else "Nothing was changed.", "success" if changed else "info")
    return see_other(url_for("forms.record", slug=slug, form_id=form.id, record_id=found.id))


@forms.route("/w/<slug>/data/<int:form_id>/records/<int:record_id>/delete", methods=["GET", "POST"])
@auth_required("session")
def delete_record(slug: str, form_id: int, record_id: int) -> Response:
    workspace = access.enter(slug, Role.EDITOR)
    form = find_form(form_id, workspace, editable=True)
    found = _find(form, record_id)
    if request.method != "POST":
        return render("forms/delete_records.html", workspace=workspace, form=form, ids=[found.id])
    writing.delete_records(form, [found.id])
    auditing.note(
        "records.deleted", workspace=workspace, by=current_user, subject=form, name=form.name,
        records=1,
    )  # fmt: skip
    db.session.commit()
    notice("The record is deleted. Emails that were sent to it keep their history.")
    return see_other(url_for("forms.show", slug=slug, form_id=form.id))


def _find(form: Form, record_id: int) -> Record:
    found = db.session.get(Record, record_id)
    if found is None or found.form_id != form.id:
        abort(404)
    return found


def _read(form: Form) -> tuple[dict, dict, dict]:
    """(what was typed, the values read, errors), each by field key."""
    typed, read, errors = {}, {}, {}
    for field in form.fields:
        typed[field.key] = request.form.get(f"field-{field.key}", "")
        try:
            read[field.key] = values.read(field, typed[field.key])
        except values.ValueProblem as problem:
            errors[f"field-{field.key}"] = str(problem)
    return typed, read, errors


def _edit_page(workspace, form: Form, found: Record | None, typed: dict, errors: dict) -> Response:
    return render(
        "forms/edit_record.html", status=422 if errors else 200,
        workspace=workspace, form=form, record=found, typed=typed, errors=errors,
    )  # fmt: skip
