"""Writing an email: one page, saved as it is written; check, preview, test."""

from flask import Response, abort, make_response, request, url_for
from flask_security.core import current_user
from flask_security.decorators import auth_required
from markupsafe import escape
from sqlalchemy import select

from webapp.accounts import auditing
from webapp.accounts.models import Role, Workspace
from webapp.bulk_email import audience, checking, composing, jobs, testing, wording
from webapp.bulk_email.access import enter, enter_email
from webapp.bulk_email.composing import DraftInput
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.bulk_email.routes import bulk_email
from webapp.bulk_email.routes_send import ask_to_send
from webapp.delivery import adopting, opting_out
from webapp.extensions import db, limiter
from webapp.forms import filtering
from webapp.forms.models import Form, Record, View
from webapp.lib import clock
from webapp.mail.merging import MergeError
from webapp.plugins import installing
from webapp.web import notice, render, render_parts, see_other, wants_part

FRAME_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
)


@bulk_email.post("/w/<slug>/emails/new")
@auth_required("session")
def new(slug: str) -> Response:
    workspace = enter(slug, Role.EDITOR)
    draft = composing.new_draft(workspace, current_user)
    return see_other(url_for("bulk_email.compose", slug=slug, email_id=draft.id))


@bulk_email.route("/w/<slug>/emails/<int:email_id>/compose", methods=["GET", "POST"])
@auth_required("session")
def compose(slug: str, email_id: int) -> Response:
    """The page of a draft; a POST saves, by itself (htmx) or by its button."""
    workspace, draft = enter_email(slug, email_id, Role.EDITOR)
    if draft.stage not in (Stage.DRAFT, Stage.SCHEDULED):
        return see_other(url_for("bulk_email.show", slug=slug, email_id=draft.id))
    if request.method != "POST":
        return render("bulk_email/compose.html", **_context(workspace, draft, {}))
    form_before = draft.form_id
    errors = composing.save(draft, _typed())
    then = request.form.get("then", "")
    if then in NEXT and "form" not in errors:
        return _next(slug, draft, then)
    if wants_part():
        parts = ["bulk_email/_saved.html", "bulk_email/_who.html"]
        if (
            draft.form_id != form_before
        ):  # else the menu stays as it is, open and with what is typed
            parts.append("bulk_email/_merge_menu.html")
        return render_parts(*parts, **_context(workspace, draft, errors))
    return render("bulk_email/compose.html", **_context(workspace, draft, errors))


def _next(slug: str, draft: BulkEmail, then: str) -> Response:
    """What the button asked for beside saving: in place for htmx, else on a page of its own."""
    if wants_part() or then == "test":
        return NEXT[then](slug, draft.id)
    return see_other(url_for(f"bulk_email.{then}", slug=slug, email_id=draft.id))


def _typed() -> DraftInput:
    form = request.form
    return DraftInput(
        form_id=_id("form_id"),
        address_field_id=_id("address_field_id"),
        view_id=_id("view_id"),
        condition=(form.get("field", ""), form.get("op", ""), form.get("value", "")),
        one_per=form.get("one_per", ""),
        subject=form.get("subject", ""),
        body=form.get("body", "").replace("\r\n", "\n"),
        from_name=form.get("from_name", ""),
        from_address=form.get("from_address", ""),
        reply_to=form.get("reply_to", ""),
        connection_id=_id("connection_id"),
        topic_id=_id("topic_id"),
        track_opens=bool(request.form.get("track_opens")),
        track_clicks=bool(request.form.get("track_clicks")),
    )


def _id(name: str) -> int | None:
    """A row's id as it was sent; None for what no database has."""
    value = request.form.get(name, type=int)
    return value if value and 0 < value < 2**31 else None


def _context(workspace: Workspace, draft: BulkEmail, errors: dict[str, str]) -> dict:
    forms = db.session.scalars(
        select(Form)
        .where(Form.workspace_id == workspace.id, Form.source.is_(None), Form.hidden_at.is_(None))
        .order_by(Form.position)
    ).all()
    views = db.session.scalars(select(View).where(View.form_id == draft.form_id)).all()
    return {
        "workspace": workspace,
        "email": draft,
        "errors": errors,
        "forms": forms,
        "views": views,
        "email_fields": composing.email_fields(draft.form),
        "connections": composing.connections(workspace),
        "topics": opting_out.topics(workspace),
        "can_follow": jobs.TRACKER in installing.installed(workspace),
        "operators": filtering.OPERATORS,
        "counts": checking.count(draft, composing.problems(draft)),
        "describe": audience.describe,
        "saved_at": clock.now(),
        "goes_out": wording.goes_out(draft, current_user.time_zone),
    }


@bulk_email.get("/w/<slug>/emails/<int:email_id>/check")
@auth_required("session")
def check(slug: str, email_id: int) -> Response:
    """Pre-flight on the real records."""
    workspace, draft = enter_email(slug, email_id, Role.EDITOR)
    found = checking.check(draft)
    context = {
        "workspace": workspace,
        "email": draft,
        "check": found,
        "words": audience.WITHHELD,
        "describe": audience.describe,
    }
    return render("bulk_email/check.html", "bulk_email/_check.html", **context)


@bulk_email.get("/w/<slug>/emails/<int:email_id>/preview")
@bulk_email.get("/w/<slug>/emails/<int:email_id>/preview/<int:record_id>")
@auth_required("session")
def preview(slug: str, email_id: int, record_id: int | None = None) -> Response:
    """The email as one record would get it (the first, where none is named), with the way on."""
    workspace, draft = enter_email(slug, email_id, Role.EDITOR)
    record, error = _previewed(draft, record_id)
    found, before, after = None, None, None
    if record is not None:
        before, after = checking.neighbours(draft, record.id)
        try:
            found = checking.preview(draft, record)
        except MergeError as problem:
            error = str(problem)
    return render(
        "bulk_email/preview.html", "bulk_email/_preview.html", workspace=workspace, email=draft,
        record=record, preview=found, error=error, before=before, after=after,
        words=audience.WITHHELD,
    )  # fmt: skip


def _previewed(draft: BulkEmail, record_id: int | None) -> tuple[Record | None, str]:
    """The record to look at, or a sentence why there is none."""
    if checking.count(draft, composing.problems(draft)) is None:
        return None, "Choose who gets the email first: a form with an address field."
    if record_id is not None:
        return _record_of(draft, record_id), ""
    record = checking.first_record(draft)
    return record, "" if record else "No record is selected."


@bulk_email.get("/w/<slug>/emails/<int:email_id>/preview/<int:record_id>/frame")
@auth_required("session")
def preview_frame(slug: str, email_id: int, record_id: int) -> Response:
    """The HTML of a preview, for a frame that can do nothing."""
    _, draft = enter_email(slug, email_id, Role.EDITOR)
    record, _ = _previewed(draft, record_id)
    if record is None:
        abort(404)
    try:
        html = checking.preview(draft, record).html
    except MergeError as problem:
        html = str(escape(problem))
    return framed(html)


@bulk_email.get("/w/<slug>/emails/<int:email_id>/content/frame")
@auth_required("session")
def content_frame(slug: str, email_id: int) -> Response:
    """The HTML as it was frozen, merge fields visible."""
    _, email = enter_email(slug, email_id)
    return framed((email.template or {}).get("html", ""))


def framed(html: str) -> Response:
    return make_response(html, 200, {"Content-Security-Policy": FRAME_POLICY})


def _record_of(draft: BulkEmail, record_id: int) -> Record:
    record = db.session.get(Record, record_id)
    if record is None or record.form_id != draft.form_id:
        abort(404)
    return record


@bulk_email.post("/w/<slug>/emails/<int:email_id>/test")
@auth_required("session")
@limiter.limit("30 per minute")
def test(slug: str, email_id: int) -> Response:
    """Send one to myself, with the values of a real record."""
    workspace, draft = enter_email(slug, email_id, Role.EDITOR)
    problems = composing.problems(draft)
    error: str | None = next(iter(problems.values()), None)
    if error is None and not adopting.may_send(jobs.host()):
        error = "Nothing leaves from here before an admin has said that this database sends."
    if error is None:
        record_id = _id("record_id")
        record = _record_of(draft, record_id) if record_id else checking.first_record(draft)
        db.session.commit()
        try:
            error = testing.send_test(draft, record, current_user.email, jobs.setting())
        except ValueError as problem:
            error = str(problem)
    context = {"workspace": workspace, "email": draft, "error": error, "to": current_user.email}
    return render("bulk_email/test.html", "bulk_email/_test.html", **context)


@bulk_email.post("/w/<slug>/emails/<int:email_id>/duplicate")
@auth_required("session")
def duplicate(slug: str, email_id: int) -> Response:
    _, email = enter_email(slug, email_id, Role.EDITOR)
    draft = composing.duplicate(email, current_user)
    notice("This is a copy. Nothing has been sent.", "info")
    return see_other(url_for("bulk_email.compose", slug=slug, email_id=draft.id))


@bulk_email.route("/w/<slug>/emails/<int:email_id>/delete", methods=["GET", "POST"])
@auth_required("session")
def delete(slug: str, email_id: int) -> Response:
    """Throw a draft away. What was sent stays: people ask about it for years."""
    workspace, draft = enter_email(slug, email_id, Role.EDITOR)
    if draft.stage != Stage.DRAFT:
        abort(404)
    if request.method != "POST":
        return render(
            "bulk_email/delete.html", "bulk_email/_delete.html", workspace=workspace, email=draft
        )
    auditing.note("email.draft_deleted", workspace=workspace, by=current_user, name=draft.subject)
    db.session.delete(draft)
    db.session.commit()
    notice("The draft is gone.")
    return see_other(url_for("bulk_email.index", slug=slug))


# what a button of the draft's page does beside saving
NEXT = {"check": check, "preview": preview, "test": test, "send": ask_to_send}
