"""The list of all emails, and one email: header and tabs."""

from flask import Blueprint, Response, abort, render_template, request, url_for
from flask_security.core import current_user
from flask_security.decorators import auth_required
from markupsafe import Markup
from sqlalchemy import Select, func, select

from webapp.accounts.access import is_allowed
from webapp.accounts.models import AuditEntry, Role, Workspace
from webapp.bulk_email import listing, scheduling, watching, wording
from webapp.bulk_email.access import enter, enter_email, glance
from webapp.bulk_email.measuring import Speed
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.delivery import adopting
from webapp.delivery.models import Attempt, Recipient, Tally
from webapp.extensions import db
from webapp.lib import clock
from webapp.plugins import installing, slots
from webapp.web import render, see_other, wants_part

bulk_email = Blueprint("bulk_email", __name__)


@bulk_email.get("/w/<slug>/emails")
@auth_required("session")
def index(slug: str) -> Response:
    workspace = enter(slug)
    return render("bulk_email/index.html", email=None, **list_context(workspace))


@bulk_email.get("/w/<slug>/emails/list")
@auth_required("session")
def live_list(slug: str) -> Response:
    """The list alone, for its own refreshing; 204 while nothing has changed."""
    workspace = enter(slug)
    if request.args.get("version") == listing.version(workspace):
        return Response(status=204)
    return render(
        "bulk_email/index.html", "bulk_email/_list.html", email=None, **list_context(workspace)
    )


def list_context(workspace: Workspace) -> dict:
    before = request.args.get("before", type=int)
    shown, older = listing.lines(workspace, before)
    return {
        "workspace": workspace,
        "lines": shown,
        "older": older,
        "before": before,
        "version": listing.version(workspace),
        "is_live": any(line.is_live for line in shown),
        "links": [
            link
            for link in slots.bulk_emails_links
            if not link.plugin or link.plugin in installing.installed(workspace)
        ],
        "banners": _filled(slots.bulk_emails_banners, workspace, workspace),
        "can_edit": is_allowed(Role.EDITOR),
        "panel": "",
        "missed": scheduling.missed(workspace),
        "list_title": next((line.title for line in shown if line.is_sending), "Bulk Email"),
    } | fence_context()


def fence_context() -> dict:
    """Why nothing leaves at all, if so: a database that may be a copy."""
    return {
        "fence": [adopting.sentence(asking) for asking in adopting.questions()],
        "is_admin": is_allowed(Role.ADMIN),
    }


@bulk_email.get("/w/<slug>/emails/<int:email_id>")
@bulk_email.get("/w/<slug>/emails/<int:email_id>/<panel>")
@auth_required("session")
def show(slug: str, email_id: int, panel: str = "overview") -> Response:
    """One email beside the list; for htmx only the email."""
    workspace, email = enter_email(slug, email_id)
    if email.stage == Stage.DRAFT and is_allowed(Role.EDITOR):
        return see_other(url_for("bulk_email.compose", slug=slug, email_id=email.id))
    panels = own_panels(workspace)
    if panel not in panels:
        abort(404)
    context = email_context(workspace, email) | {"panel": panel, "panels": panels}
    context["panel_html"] = Markup(panels[panel].render(email))
    if wants_part():
        return render("bulk_email/show.html", "bulk_email/_email.html", **context)
    return render("bulk_email/show.html", **(list_context(workspace) | context))


@bulk_email.get("/w/<slug>/emails/<int:email_id>/head")
@auth_required("session")
def head(slug: str, email_id: int) -> Response:
    """The header alone, for its own refreshing; 204 while nothing has changed."""
    workspace, email = enter_email(slug, email_id)
    progress = watching.progress(email, email.tally)
    if request.args.get("version") == _head_version(email, progress):
        return Response(status=204)
    context = email_context(workspace, email)
    return render("bulk_email/_head_page.html", "bulk_email/_head.html", **context)


@bulk_email.get("/w/<slug>/emails/<int:email_id>/traffic")
@auth_required("session")
def traffic(slug: str, email_id: int) -> Response:
    """What goes over the wire alone, for its own refreshing; 204 while nothing has changed."""
    glimpse = glance(slug, email_id)
    if glimpse is not None and request.args.get("version") == glimpse.version:
        return Response(status=204)
    workspace, email = enter_email(slug, email_id)
    if not wants_part():
        return see_other(url_for("bulk_email.show", slug=slug, email_id=email_id))
    return render("bulk_email/_traffic_live.html", workspace=workspace, **traffic_context(email))


def traffic_context(email: BulkEmail) -> dict:
    """What _traffic_live.html wants beside the workspace."""
    version = listing.version_of(email, db.session.get(Tally, email.id))
    return {"email": email, "traffic": watching.traffic(email), "version": version}


def email_context(workspace: Workspace, email: BulkEmail) -> dict:
    tally = db.session.get(Tally, email.id)
    progress = watching.progress(email, tally)
    line = listing.line(email, tally, progress.speed if progress else Speed())
    return {
        "workspace": workspace,
        "email": email,
        "line": line,
        "books": line.books,
        "progress": progress,
        "version": _head_version(email, progress),
        "can_edit": is_allowed(Role.EDITOR),
        "now": clock.now(),
        "Stage": Stage,
        "is_missed": scheduling.is_missed(email),
        "goes_out": wording.goes_out(email, current_user.time_zone),
        "pause": wording.pause(email, last_entry(email, "email.paused")),
    } | fence_context()


def _head_version(email: BulkEmail, progress: watching.Progress | None) -> str:
    return listing.version_of(email, email.tally) + watching.wait_mark(progress)


def last_entry(email: BulkEmail, action: str) -> AuditEntry | None:
    return db.session.scalar(_entries(email).where(AuditEntry.action == action).limit(1))


def _entries(email: BulkEmail) -> Select:
    """What was done to an email, newest first."""
    return (
        select(AuditEntry)
        .where(
            AuditEntry.workspace_id == email.workspace_id,
            AuditEntry.subject_kind == "BulkEmail",
            AuditEntry.subject_id == email.id,
        )
        .order_by(AuditEntry.id.desc())
    )


def own_panels(workspace: Workspace) -> dict[str, slots.Panel]:
    """The tabs of an email: those of plugins that are on, then our own."""
    on = installing.installed(workspace)
    filled = [panel for panel in slots.bulk_email_panels if not panel.plugin or panel.plugin in on]
    if not any(panel.name == "overview" for panel in filled):
        filled.insert(0, slots.Panel("overview", "Overview", _untracked))
    filled += [
        slots.Panel("content", "Content", _content),
        slots.Panel("activity", "Activity", _activity),
    ]
    return {panel.name: panel for panel in filled}


def _untracked(email: BulkEmail) -> str:
    return render_template(
        "bulk_email/_untracked.html", workspace=email.workspace, **traffic_context(email)
    )


def _content(email: BulkEmail) -> str:
    return render_template("bulk_email/_content.html", email=email, workspace=email.workspace)


def _activity(email: BulkEmail) -> str:
    entries = db.session.scalars(_entries(email).limit(100)).all()
    tries = db.session.scalar(
        select(func.count())
        .select_from(Attempt)
        .join(Recipient, Recipient.id == Attempt.recipient_id)
        .where(Recipient.bulk_email_id == email.id)
    )
    lines = [(entry, wording.done(entry, current_user.time_zone)) for entry in entries]
    return render_template("bulk_email/_activity.html", email=email, lines=lines, tries=tries)


def _filled(panels: list[slots.Panel], workspace: Workspace, subject: object) -> list[Markup]:
    on = installing.installed(workspace)
    found = [panel for panel in panels if panel.plugin is None or panel.plugin in on]
    return [Markup(html) for panel in found if (html := panel.render(subject))]
