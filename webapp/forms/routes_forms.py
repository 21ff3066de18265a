"""Making and changing forms and their fields."""

from flask import Response, abort, request, url_for
from flask_security.core import current_user
from flask_security.decorators import auth_required

from webapp.accounts import access, auditing
from webapp.accounts.models import Role
from webapp.extensions import db
from webapp.forms import writing
from webapp.forms.blueprint import find_form, forms
from webapp.forms.models import Field, FieldKind, Form
from webapp.web import notice, render, see_other

KINDS = [
    (FieldKind.TEXT, "Text"),
    (FieldKind.EMAIL, "Email address"),
    (FieldKind.NUMBER, "Number"),
    (FieldKind.DATE, "Date"),
    (FieldKind.CHOICE, "Choice"),
    (FieldKind.YES_NO, "Yes or no"),
]
USUAL_FIELDS = [("Name", FieldKind.TEXT), ("Email", FieldKind.EMAIL)]


@forms.route("/w/<slug>/data/new", methods=["GET", "POST"])
@auth_required("session")
def new(slug: str) -> Response:
    """A new form, with a name and an address to begin with."""
    workspace = access.enter(slug, Role.EDITOR)
    name = request.form.get("name", "").strip()
    if request.method != "POST" or not 1 <= len(name) <= 120:
        errors = {"name": "Give it a name of at most 120 characters."} if request.form else {}
        return render(
            "forms/new.html", status=422 if errors else 200,
            workspace=workspace, errors=errors, name=name,
        )  # fmt: skip
    form = writing.create_form(workspace, name, USUAL_FIELDS)
    auditing.note("form.created", workspace=workspace, by=current_user, subject=form, name=name)
    db.session.commit()
    return see_other(url_for("forms.edit", slug=slug, form_id=form.id))


@forms.route("/w/<slug>/data/<int:form_id>/edit", methods=["GET", "POST"])
@auth_required("session")
def edit(slug: str, form_id: int) -> Response:
    """The form's name and fields."""
    workspace = access.enter(slug, Role.EDITOR)
    form = find_form(form_id, workspace, editable=True)
    errors: dict[str, str] = {}
    if request.method == "POST":
        before = _as_said(form)
        errors = _save(form)
        if not errors:
            auditing.note(
                "form.changed", workspace=workspace, by=current_user, subject=form, name=form.name,
                **_changes(before, _as_said(form)),
            )  # fmt: skip
            db.session.commit()
            notice("Saved.")
            return see_other(url_for("forms.edit", slug=slug, form_id=form.id))
        db.session.rollback()
    return render(
        "forms/edit.html", status=422 if errors else 200,
        workspace=workspace, form=form, kinds=KINDS, errors=errors,
    )  # fmt: skip


def _save(form: Form) -> dict[str, str]:
    """Take over name, labels, order, choices and a new field; {} when all is well."""
    name = request.form.get("name", "").strip()
    if not 1 <= len(name) <= 120:
        return {"name": "Give it a name of at most 120 characters."}
    form.name = name
    for field in form.fields:
        label = request.form.get(f"label-{field.id}", field.label).strip()
        if not 1 <= len(label) <= 120:
            return {f"label-{field.id}": "Every field needs a name."}
        field.label = label
        field.position = request.form.get(f"position-{field.id}", field.position, type=int)
        field.is_required = f"required-{field.id}" in request.form
        if field.kind == FieldKind.CHOICE:
            field.choices = _choices(request.form.get(f"choices-{field.id}", ""))
    label = request.form.get("new-label", "").strip()
    return _add(form, label[:120]) if label else {}


def _as_said(form: Form) -> dict:
    """What the audit log tells changes of: {None: the form's name, field id: its label}."""
    return {None: form.name} | {field.id: field.label for field in form.fields}


def _changes(before: dict, after: dict) -> dict[str, list]:
    names = {key: [before[key], after[key]] for key in before if before[key] != after[key]}
    found = {"called": names.pop(None)} if None in names else {}
    if names:
        found["fields_renamed"] = [" → ".join(pair) for pair in names.values()]
    if added := [label for key, label in after.items() if key not in before]:
        found["fields_added"] = added
    return found


def _add(form: Form, label: str) -> dict[str, str]:
    kind = request.form.get("new-kind", "")
    if kind not in list(FieldKind):
        return {"new-kind": "Choose what kind of field it is."}
    choices = _choices(request.form.get("new-choices", ""))
    if kind == FieldKind.CHOICE and not choices:
        return {"new-choices": "Write the choices, one a line."}
    field = writing.add_field(form, label, FieldKind(kind), choices)
    if kind == FieldKind.EMAIL:
        writing.validate_addresses(form, field)
    return {}


@forms.route("/w/<slug>/data/<int:form_id>/fields/<int:field_id>/delete", methods=["GET", "POST"])
@auth_required("session")
def delete_field(slug: str, form_id: int, field_id: int) -> Response:
    """Take a field away, after one question."""
    workspace = access.enter(slug, Role.EDITOR)
    form = find_form(form_id, workspace, editable=True)
    field = db.session.get(Field, field_id)
    if field is None or field.form_id != form.id:
        abort(404)
    if request.method != "POST":
        return render("forms/delete_field.html", workspace=workspace, form=form, field=field)
    auditing.note(
        "field.deleted", workspace=workspace, by=current_user, subject=form, name=field.label
    )
    label = field.label
    writing.delete_field(field)
    db.session.commit()
    notice(f"The field {label} is gone.")
    return see_other(url_for("forms.edit", slug=slug, form_id=form.id))


@forms.route("/w/<slug>/data/<int:form_id>/delete", methods=["GET", "POST"])
@auth_required("session")
def delete(slug: str, form_id: int) -> Response:
    """Delete a whole form: an admin's step, and its name is typed to confirm."""
    workspace = access.enter(slug, Role.ADMIN)
    form = find_form(form_id, workspace, editable=True)
    typed = request.form.get("name", "").strip()
    if request.method != "POST" or typed != form.name:
        errors = {"name": f"Type {form.name} to delete it."} if request.form else {}
        return render(
            "forms/delete.html", status=422 if errors else 200,
            workspace=workspace, form=form, errors=errors, typed=typed,
        )  # fmt: skip
    auditing.note(
        "form.deleted", workspace=workspace, by=current_user, name=form.name,
        records=form.record_count,
    )  # fmt: skip
    writing.delete_form(form)
    db.session.commit()
    notice(f"{typed} is deleted.")
    return see_other(url_for("forms.index", slug=slug))


def _choices(text: str) -> list[str]:
    return list(dict.fromkeys(line.strip()[:200] for line in text.splitlines() if line.strip()))
