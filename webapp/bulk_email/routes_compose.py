"""Writing an email: one page, saved as it is written; check, test, send."""

import secrets
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from flask import Response, abort, make_response, request, url_for
from flask_security.core import current_user
from flask_security.decorators import auth_required
from sqlalchemy import select

from webapp import queue
from webapp.accounts import auditing
from webapp.accounts.models import Role, Workspace
from webapp.bulk_email import audience, checking, composing, jobs, sending, testing
from webapp.bulk_email.access import enter, enter_email
from webapp.bulk_email.composing import DraftInput
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.bulk_email.routes import bulk_email
from webapp.extensions import db, limiter
from webapp.forms import filtering
from webapp.forms.models import Form, Record, View
from webapp.lib import clock
from webapp.mail.merging import MergeError
from webapp.plugins import installing
from webapp.web import notice, render, render_parts, see_other, wants_part

TYPE_THE_NUMBER_ABOVE = 500
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
    if request.method == "GET":
        return render("bulk_email/compose.html", **_context(workspace, draft, {}))
    errors = composing.save(draft, _typed())
    if wants_part():
        parts = ("bulk_email/_saved.html", "bulk_email/_who.html")
        return render_parts(*parts, **_context(workspace, draft, errors))
    if request.form.get("then") == "send":
        return see_other(url_for("bulk_email.send", slug=slug, email_id=draft.id))
    return render("bulk_email/compose.html", **_context(workspace, draft, errors))


def _typed() -> DraftInput:
    form = request.form
    return DraftInput(
        form_id=form.get("form_id", type=int),
        address_field_id=form.get("address_field_id", type=int),
        view_id=form.get("view_id", type=int),
        condition=(form.get("field", ""), form.get("op", ""), form.get("value", "")),
        one_per=form.get("one_per", ""),
        subject=form.get("subject", ""),
        body=form.get("body", "").replace("\r\n", "\n"),
        from_name=form.get("from_name", ""),
        from_address=form.get("from_address", ""),
        reply_to=form.get("reply_to", ""),
        connection_id=form.get("connection_id", type=int),
    )


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
        "operators": filtering.OPERATORS,
        "counts": _counts(draft),
        "describe": audience.describe,
        "first": checking.first_record(draft) if _can_count(draft) else None,
        "saved_at": clock.now(),
    }


def _can_count(draft: BulkEmail) -> bool:
    return draft.form is not None and draft.address_field_id is not None


def _counts(draft: BulkEmail) -> audience.Counts | None:
    try:
        return audience.count(draft) if _can_count(draft) else None
    except filtering.FilterError:
        draft.filter = {}
        return audience.count(draft)


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
        "describe": audience.describe,
    }
    return render("bulk_email/check.html", "bulk_email/_check.html", **context)


@bulk_email.get("/w/<slug>/emails/<int:email_id>/preview/<int:record_id>")
@auth_required("session")
def preview(slug: str, email_id: int, record_id: int) -> Response:
    """The email as one record would get it, with the way to the next one."""
    workspace, draft = enter_email(slug, email_id, Role.EDITOR)
    record = _record_of(draft, record_id)
    error, subject, text = "", "", ""
    try:
        subject, text, _ = checking.preview(draft, record)
    except MergeError as problem:
        error = str(problem)
    before, after = checking.neighbours(draft, record.id)
    return render(
        "bulk_email/preview.html", "bulk_email/_preview.html", workspace=workspace, email=draft,
        record=record, subject=subject, text=text, error=error, before=before, after=after,
    )  # fmt: skip


@bulk_email.get("/w/<slug>/emails/<int:email_id>/preview/<int:record_id>/frame")
@auth_required("session")
def preview_frame(slug: str, email_id: int, record_id: int) -> Response:
    """The HTML of a preview, for a frame that can do nothing."""
    _, draft = enter_email(slug, email_id, Role.EDITOR)
    try:
        html = checking.preview(draft, _record_of(draft, record_id))[2]
    except MergeError as problem:
        html = str(problem)
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
    if error is None:
        record = checking.first_record(draft)
        db.session.commit()
        try:
            error = testing.send_test(draft, record, current_user.email, jobs.setting())
        except ValueError as problem:
            error = str(problem)
    context = {"workspace": workspace, "email": draft, "error": error, "to": current_user.email}
    return render("bulk_email/test.html", "bulk_email/_test.html", **context)


@bulk_email.route("/w/<slug>/emails/<int:email_id>/send", methods=["GET", "POST"])
@auth_required("session")
def send(slug: str, email_id: int) -> Response:
    """The last question, and the sending. The nonce of the page makes a double click one send."""
    workspace, draft = enter_email(slug, email_id, Role.EDITOR)
    where = url_for("bulk_email.show", slug=slug, email_id=draft.id)
    if draft.stage not in (Stage.DRAFT, Stage.SCHEDULED):
        return see_other(where)
    found = checking.check(draft)
    errors: dict[str, str] = {}
    if request.method == "POST" and found.can_be_sent:
        errors = _send(workspace, draft, found)
        if not errors:
            return see_other(where)
    hours = request.form.get("hours", 72, type=int)
    return render(
        "bulk_email/send.html", "bulk_email/_send.html", status=422 if errors else 200,
        workspace=workspace, email=draft, check=found, errors=errors, hours=hours,
        nonce=request.form.get("nonce") or secrets.token_urlsafe(24),
        type_number=found.counts is not None and found.counts.will_get_it > TYPE_THE_NUMBER_ABOVE,
        describe=audience.describe, zone=current_user.time_zone or "UTC",
    )  # fmt: skip


def _send(workspace: Workspace, draft: BulkEmail, found: checking.Check) -> dict[str, str]:
    """Start or schedule; {field: what is wrong}."""
    number = found.counts.will_get_it
    typed = request.form.get("number", "").replace(",", "").strip()
    if number > TYPE_THE_NUMBER_ABOVE and typed != str(number):
        return {"number": f"Type {number} to say that you mean all of them."}
    hours = request.form.get("hours", type=int)
    if not hours or not 1 <= hours <= 240:
        return {"hours": "Choose from 1 to 240 hours."}
    at = None
    if request.form.get("when") == "later":
        at = _moment(request.form.get("at", ""))
        if at is None or at <= clock.now():
            return {"at": "Choose a time to come."}
    draft.deadline = (at or clock.now()) + timedelta(hours=hours)
    if at:
        sending.schedule(draft, at=at, by=current_user)
        notice("Scheduled.")
        return {}
    tracked = jobs.TRACKER in installing.installed(workspace)
    nonce = request.form.get("nonce", "")[:64] or secrets.token_urlsafe(24)
    if sending.start(draft, nonce=nonce, by=current_user, tracked=tracked):
        queue.wake(jobs.prepare, draft.id)
    return {}


def _moment(text: str) -> datetime | None:
    """A local time of the person's zone, as an HTML datetime-local field writes it."""
    try:
        local = datetime.fromisoformat(text)
    except ValueError:
        return None
    return local.replace(tzinfo=ZoneInfo(current_user.time_zone or "UTC"))


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
    if request.method == "GET":
        return render(
            "bulk_email/delete.html", "bulk_email/_delete.html", workspace=workspace, email=draft
        )
    auditing.note("email.draft_deleted", workspace=workspace, by=current_user, name=draft.subject)
    db.session.delete(draft)
    db.session.commit()
    notice("The draft is gone.")
    return see_other(url_for("bulk_email.index", slug=slug))
