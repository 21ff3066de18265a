"""The Data tab: the forms of the workspace and the grid of one of them."""

from flask import Response, redirect, request, url_for
from flask_security.core import current_user
from flask_security.decorators import auth_required
from sqlalchemy import select

from webapp import queue
from webapp.accounts import access, auditing
from webapp.accounts.models import Role, Workspace
from webapp.extensions import db
from webapp.forms import filtering, grid, jobs, record_rows, sorting, sources, writing
from webapp.forms.blueprint import find_form, forms
from webapp.forms.grid import Query
from webapp.forms.models import Form, View
from webapp.web import notice, render, see_other


@forms.get("/w/<slug>/data")
@auth_required("session")
def index(slug: str) -> Response:
    """The first form's grid, or what to do when there is none."""
    workspace = access.enter(slug)
    known = forms_of(workspace)
    own = [form for form in known if not form.source] or known
    if own:
        return redirect(url_for("forms.show", slug=slug, form_id=own[0].id))
    return render("forms/empty.html", workspace=workspace, can_edit=access.is_allowed(Role.EDITOR))


@forms.get("/w/<slug>/data/<int:form_id>")
@auth_required("session")
def show(slug: str, form_id: int) -> Response:
    """The grid of a form. Everything asked of it stands in the URL."""
    workspace = access.enter(slug)
    form = find_form(form_id, workspace)
    return render("forms/grid.html", "forms/_grid.html", **grid_context(workspace, form))


def grid_context(workspace: Workspace, form: Form) -> dict:
    """What the grid's template needs, for this request's query or the form's default view."""
    views = db.session.scalars(
        select(View).where(View.form_id == form.id).order_by(View.name)
    ).all()
    query = grid.read(request.args)
    default = next((view for view in views if view.is_default), None)
    if not request.args and default:
        query = _query_of(default)
    source = sources.source_of(form)
    error = ""
    try:
        page = source.page(form, query)
        total = source.count(form, query) if page.total is None else page.total
    except filtering.FilterError as problem:
        error, page, total = str(problem), sources.Page([], ""), 0
    columns = source.columns(form)
    chosen = [column for key in query.columns for column in columns if column.key == key]
    return {
        "workspace": workspace,
        "forms": forms_of(workspace),
        "form": form,
        "query": query,
        "columns": columns,
        "shown": chosen or [column for column in columns if column.is_shown],
        "page": page,
        "total": total,
        "views": views,
        "operators": filtering.OPERATORS,
        "conditions": grid.conditions(query.filter),
        "error": error,
        "can_edit": access.is_allowed(Role.EDITOR) and source.is_editable,
        "may_edit_views": access.is_allowed(Role.EDITOR),
    }


@forms.post("/w/<slug>/data/<int:form_id>/sort")
@auth_required("session")
def sort(slug: str, form_id: int) -> Response:
    """Have a large form's records brought into the order that the grid is asked for."""
    workspace = access.enter(slug)
    form = find_form(form_id, workspace, editable=True)
    query = grid.read(request.args)
    asked = sorting.ask(workspace, record_rows.asked(form, query))
    queue.wake(jobs.sort, asked.id)
    return see_other(f"{url_for('forms.show', slug=slug, form_id=form.id)}?{query.url_values()}")


@forms.post("/w/<slug>/data/<int:form_id>/views")
@auth_required("session")
def save_view(slug: str, form_id: int) -> Response:
    """Keep the grid as it is under a name."""
    workspace = access.enter(slug, Role.EDITOR)
    form = find_form(form_id, workspace)
    name = request.form.get("name", "").strip()[:120]
    query = request.form.get("query", "")[:4000]
    if not name:
        notice("Give the view a name.", "danger")
        return see_other(url_for("forms.show", slug=slug, form_id=form.id) + "?" + query)
    is_default = "is_default" in request.form
    if is_default:
        db.session.execute(db.update(View).where(View.form_id == form.id).values(is_default=False))
    view = db.session.scalar(select(View).where(View.form_id == form.id, View.name == name))
    if view is None:
        view = View(form_id=form.id, name=name)
        db.session.add(view)
    view.settings, view.is_default = {"query": query}, is_default
    db.session.commit()
    notice(f"The view {name} is saved.")
    return see_other(url_for("forms.show", slug=slug, form_id=form.id) + "?" + query)


@forms.post("/w/<slug>/data/<int:form_id>/views/<int:view_id>/delete")
@auth_required("session")
def delete_view(slug: str, form_id: int, view_id: int) -> Response:
    workspace = access.enter(slug, Role.EDITOR)
    form = find_form(form_id, workspace)
    db.session.execute(db.delete(View).where(View.id == view_id, View.form_id == form.id))
    db.session.commit()
    notice("The view is gone; the records are not.")
    return see_other(url_for("forms.show", slug=slug, form_id=form.id))


@forms.post("/w/<slug>/data/<int:form_id>/delete-records")
@auth_required("session")
def delete_selected(slug: str, form_id: int) -> Response:
    """Delete the rows ticked in the grid, after one question."""
    workspace = access.enter(slug, Role.EDITOR)
    form = find_form(form_id, workspace, editable=True)
    ids = request.form.getlist("id", type=int)[:1000]
    if not ids:
        notice("Tick the records first.", "info")
        return see_other(url_for("forms.show", slug=slug, form_id=form.id))
    if "sure" not in request.form:
        return render("forms/delete_records.html", workspace=workspace, form=form, ids=ids)
    gone = writing.delete_records(form, ids)
    auditing.note(
        "records.deleted", workspace=workspace, by=current_user, subject=form, name=form.name,
        records=gone,
    )  # fmt: skip
    db.session.commit()
    notice(f"{gone} records are deleted. Emails that were sent to them keep their history.")
    return see_other(url_for("forms.show", slug=slug, form_id=form.id))


def forms_of(workspace: Workspace) -> list[Form]:
    """The forms that the Data tab lists, in their order."""
    return list(
        db.session.scalars(
            select(Form)
            .where(Form.workspace_id == workspace.id, Form.hidden_at.is_(None))
            .order_by(Form.position, Form.id)
        )
    )


def _query_of(view: View) -> Query:
    return grid.read_text(view.settings["query"])
