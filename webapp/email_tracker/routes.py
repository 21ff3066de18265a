"""The live parts of the tracker, a copy in place, and the commands for doubtful copies."""

from collections.abc import Callable
from operator import attrgetter

from flask import Blueprint, Response, abort, current_app, render_template, request, url_for
from flask_security.core import current_user
from flask_security.decorators import auth_required
from markupsafe import Markup

from webapp import queue
from webapp.accounts import access
from webapp.accounts.models import Role, Workspace
from webapp.bulk_email import jobs as sending_jobs
from webapp.bulk_email import sending
from webapp.bulk_email.access import enter_email, glance
from webapp.bulk_email.listing import Glimpse
from webapp.bulk_email.models import BulkEmail
from webapp.bulk_email.routes import email_context, list_context, own_panels
from webapp.bulk_email.routes_compose import framed
from webapp.delivery.models import Recipient, Tally
from webapp.email_tracker import attention, panels, recipients, summing_up, timeline, wording
from webapp.email_tracker.plugin import PLUGIN
from webapp.extensions import db
from webapp.forms import jobs as forms_jobs
from webapp.forms import sorting
from webapp.web import notice, render, see_other, wants_part

email_tracker = Blueprint("email_tracker", __name__)


def enter_tracked(
    slug: str, email_id: int, role: Role = Role.VIEWER
) -> tuple[Workspace, BulkEmail]:
    """Find and allow: the tracker must be on, and the email tracked."""
    workspace, email = enter_email(slug, email_id, role, PLUGIN.name)
    if not email.tracked:
        abort(404)
    return workspace, email


def _is_unchanged(
    slug: str, email_id: int, version_of: Callable[[Glimpse], str] = attrgetter("version")
) -> bool:
    """One look at the version, none at the copies nor at what is shown. Not for those who may not
    look, nor of an email that is not tracked: enter_tracked() comes next."""
    asked = request.args.get("version")
    glimpse = glance(slug, email_id, PLUGIN.name) if asked else None
    return glimpse is not None and glimpse.tracked and asked == version_of(glimpse)


@email_tracker.get("/w/<slug>/emails/<int:email_id>/live/recipients")
@auth_required("session")
def live_recipients(slug: str, email_id: int) -> Response:
    """The Recipients grid alone; 204 while nothing has changed."""
    if _is_unchanged(slug, email_id):
        return Response(status=204)
    _, email = enter_tracked(slug, email_id)
    if not wants_part():
        values = {key: value for key, value in request.args.items() if key != "version"}
        return see_other(
            url_for("bulk_email.show", slug=slug, email_id=email.id, panel="recipients", **values)
        )
    return Response(panels.recipients_panel(email))


@email_tracker.post("/w/<slug>/emails/<int:email_id>/recipients/sort")
@auth_required("session")
def sort(slug: str, email_id: int) -> Response:
    """Have a large email's copies brought into the order that the tab is asked for."""
    workspace, email = enter_tracked(slug, email_id)
    query = recipients.read(request.args)
    asked = sorting.ask(workspace, recipients.asked(email.id, query))
    queue.wake(forms_jobs.sort, asked.id)
    where = url_for("bulk_email.show", slug=slug, email_id=email.id, panel="recipients")
    return see_other(f"{where}{'&' if '?' in where else '?'}{query.url_values()}")


@email_tracker.get("/w/<slug>/emails/<int:email_id>/live/overview")
@auth_required("session")
def live_overview(slug: str, email_id: int) -> Response:
    """The Overview alone; 204 while nothing has changed."""
    if _is_unchanged(slug, email_id, panels.overview_version):
        return Response(status=204)
    _, email = enter_tracked(slug, email_id)
    if not wants_part():
        return see_other(url_for("bulk_email.show", slug=slug, email_id=email.id))
    html = render_template("email_tracker/_overview.html", **panels.overview_context(email))
    return Response(html)


@email_tracker.get("/w/<slug>/emails/<int:email_id>/live/sent-again")
@auth_required("session")
def live_sent_again(slug: str, email_id: int) -> Response:
    """The emails that sent this one again alone; 204 while nothing has changed."""
    _, email = enter_tracked(slug, email_id)
    html = panels.sent_again(email)
    if not html or f"version={request.args.get('version')}" in html:
        return Response(status=204)
    if not wants_part():
        return see_other(url_for("bulk_email.show", slug=slug, email_id=email.id))
    return Response(html)


@email_tracker.get("/w/<slug>/emails/<int:email_id>/recipients/<int:copy_id>")
@auth_required("session")
def copy(slug: str, email_id: int, copy_id: int) -> Response:
    """One person's copy, in the place of the grid, with an address of its own."""
    workspace, email = enter_tracked(slug, email_id)
    found = _find(email, copy_id)
    product = current_app.config["SETTINGS"].product_name
    context = timeline.record_context(found, product) | {
        "workspace": workspace,
        "back": url_for("bulk_email.show", slug=slug, email_id=email.id, panel="recipients"),
    }
    shown = email_context(workspace, email) | {
        "panel": "recipients",
        "panels": own_panels(workspace),
    }
    html = render_template("email_tracker/_copy_in_place.html", **(shown | context))
    shown["panel_html"] = Markup(html)
    if wants_part():
        return render("bulk_email/show.html", "bulk_email/_email.html", **shown)
    return render("bulk_email/show.html", **(list_context(workspace) | shown))


@email_tracker.get("/w/<slug>/emails/<int:email_id>/live/recipients/<int:copy_id>")
@auth_required("session")
def live_copy(slug: str, email_id: int, copy_id: int) -> Response:
    """One person's copy alone; 204 while nothing has changed."""
    if _is_unchanged(slug, email_id):
        return Response(status=204)
    workspace, email = enter_tracked(slug, email_id)
    found = _find(email, copy_id)
    if not wants_part():
        return see_other(
            url_for("email_tracker.copy", slug=slug, email_id=email.id, copy_id=found.id)
        )
    context = timeline.record_context(found, current_app.config["SETTINGS"].product_name)
    return Response(render_template("email_tracker/_copy.html", workspace=workspace, **context))


@email_tracker.get("/w/<slug>/emails/<int:email_id>/links/frame")
@auth_required("session")
def links_frame(slug: str, email_id: int) -> Response:
    """The HTML as it was written with each link's clicks beside it, for a frame that does
    nothing."""
    _, email = enter_tracked(slug, email_id)
    figures, _ = summing_up.figures(email, db.session.get(Tally, email.id))
    return framed(attention.numbered(email, figures.attention.links if figures else []))


@email_tracker.get("/w/<slug>/help/statuses")
@auth_required("session")
def statuses(slug: str) -> Response:
    """What the words mean: the six statuses and the three."""
    workspace = access.enter(slug)
    product = current_app.config["SETTINGS"].product_name
    return render(
        "email_tracker/statuses.html", workspace=workspace, lines=wording.glossary(product)
    )


@email_tracker.post("/w/<slug>/emails/<int:email_id>/recipients/<int:copy_id>/<command>")
@auth_required("session")
def decide(slug: str, email_id: int, copy_id: int, command: str) -> Response:
    """Send a doubtful copy again, or say that it has left."""
    _, email = enter_tracked(slug, email_id, Role.EDITOR)
    found = _find(email, copy_id)
    acts = {"send-again": sending.send_again, "mark-as-sent": sending.mark_as_sent}
    if command not in acts:
        abort(404)
    if acts[command](email, [found.id], current_user):
        notice("Done." if command == "mark-as-sent" else "It is being sent again.")
    else:
        notice("That is not possible any more: its status has changed meanwhile.", "warning")
    queue.wake(sending_jobs.drain)
    return see_other(url_for("email_tracker.copy", slug=slug, email_id=email.id, copy_id=found.id))


def _find(email: BulkEmail, copy_id: int) -> Recipient:
    found = db.session.get(Recipient, copy_id)
    if found is None or found.bulk_email_id != email.id:
        abort(404)
    return found
