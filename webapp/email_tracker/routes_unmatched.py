"""The Unmatched tray: everybody reads it, editors decide what becomes of what is in it."""

from flask import Response, abort, current_app, request, url_for
from flask_security.core import current_user
from flask_security.decorators import auth_required

from webapp import providers
from webapp.accounts import access
from webapp.accounts.models import Role, User, Workspace
from webapp.bulk_email.access import enter
from webapp.delivery import attaching, parking
from webapp.delivery.models import (
    Arrival,
    ArrivalStage,
    Event,
    ParkedReport,
    Recipient,
    Suppression,
)
from webapp.email_tracker import timeline, unmatched, wording
from webapp.email_tracker.plugin import PLUGIN
from webapp.email_tracker.routes import email_tracker
from webapp.extensions import db
from webapp.plugins import installing
from webapp.web import notice, render, see_other

TOO_LATE = "Somebody else has dealt with it meanwhile."


@email_tracker.get("/w/<slug>/unmatched")
@auth_required("session")
def tray(slug: str) -> Response:
    """What could not be matched, what could not be read, and what was dealt with."""
    workspace = _enter(slug)
    show = request.args.get("show", "")
    before = request.args.get("before", 0, type=int)
    rows = (
        unmatched.unreadable(workspace, before)
        if show == "unreadable"
        else unmatched.page(workspace, settled=show == "settled", before=before)
    )
    return render(
        "email_tracker/unmatched.html", "email_tracker/_unmatched.html", workspace=workspace,
        show=show if show in ("unreadable", "settled") else "", counts=unmatched.count(workspace),
        rows=rows[: unmatched.PAGE], more=len(rows) > unmatched.PAGE, before=before,
        report_of=parking.report_of, copy_of=attaching.copy_of, kinds=timeline.KINDS,
        person=lambda number: db.session.get(User, number) if number else None,
        providers=providers.READERS,
    )  # fmt: skip


@email_tracker.get("/w/<slug>/unmatched/<int:parked_id>")
@auth_required("session")
def unmatched_report(slug: str, parked_id: int) -> Response:
    """One report: what it says, why nobody could be found, and whose it may be."""
    workspace = _enter(slug)
    found = access.find(ParkedReport, parked_id, workspace)
    address = request.args.get("q", "").strip()[:320]
    product = current_app.config["SETTINGS"].product_name
    return render(
        "email_tracker/unmatched_report.html", workspace=workspace, parked=found,
        report=parking.report_of(found), kinds=timeline.KINDS, words=address,
        suggestions=unmatched.suggestions(found, address), copy=attaching.copy_of(found),
        raw=unmatched.raw_text(found.arrival), provider=providers.READERS[found.arrival.provider],
        may_decide=access.is_allowed(Role.EDITOR), say=lambda copy: wording.say(copy, product),
    )  # fmt: skip


@email_tracker.get("/w/<slug>/unmatched/arrivals/<int:arrival_id>")
@auth_required("session")
def unreadable_arrival(slug: str, arrival_id: int) -> Response:
    """What came in and could not be read."""
    workspace = _enter(slug)
    found = access.find(Arrival, arrival_id, workspace)
    if found.stage != ArrivalStage.UNREADABLE:
        abort(404)
    return render(
        "email_tracker/unreadable_arrival.html", workspace=workspace, arrival=found,
        raw=unmatched.raw_text(found), provider=providers.READERS[found.provider],
    )  # fmt: skip


@email_tracker.post("/w/<slug>/unmatched/<int:parked_id>/attach")
@auth_required("session")
def attach(slug: str, parked_id: int) -> Response:
    """A person says of which copy it speaks."""
    workspace = _enter(slug, Role.EDITOR)
    found = access.find(ParkedReport, parked_id, workspace)
    copy = db.session.get(Recipient, request.form.get("copy", 0, type=int))
    if copy is None or copy.workspace_id != workspace.id:
        notice("Choose the copy that it speaks of.", "danger")
        return see_other(_url(slug, found))
    is_done = attaching.attach(found, copy, workspace, current_user)
    said = f"Attached to the copy of {copy.name or copy.address}."
    return _back_to_tray(slug, found, said if is_done else "")


@email_tracker.post("/w/<slug>/unmatched/<int:parked_id>/put-aside")
@auth_required("session")
def put_aside(slug: str, parked_id: int) -> Response:
    """It is nobody's, or of no use."""
    workspace = _enter(slug, Role.EDITOR)
    found = access.find(ParkedReport, parked_id, workspace)
    is_done = attaching.put_aside(found, workspace, current_user)
    return _back_to_tray(slug, found, "Put aside." if is_done else "")


@email_tracker.post("/w/<slug>/unmatched/<int:parked_id>/undo")
@auth_required("session")
def undo(slug: str, parked_id: int) -> Response:
    """Back into the tray; the copy is what it was."""
    workspace = _enter(slug, Role.EDITOR)
    found = access.find(ParkedReport, parked_id, workspace)
    if attaching.undo(found, workspace, current_user):
        notice("It is in the tray again, and the copy is what it was.")
    else:
        notice(TOO_LATE, "warning")
    return see_other(_url(slug, found))


@email_tracker.get("/w/<slug>/suppressions/<int:suppression_id>/report")
@auth_required("session")
def source(slug: str, suppression_id: int) -> Response:
    """To the copy whose report caused a suppression."""
    workspace = _enter(slug, Role.ADMIN)
    found = access.find(Suppression, suppression_id, workspace)
    event = db.session.get(Event, found.event_id) if found.event_id else None
    copy = db.session.get(Recipient, event.recipient_id) if event else None
    if copy is None:
        abort(404)
    return see_other(
        url_for("email_tracker.copy", slug=slug, email_id=copy.bulk_email_id, copy_id=copy.id)
    )


def _enter(slug: str, role: Role = Role.VIEWER) -> Workspace:
    """Find and allow: the tracker must be on."""
    workspace = enter(slug, role)
    if PLUGIN.name not in installing.installed(workspace):
        abort(404)
    return workspace


def _back_to_tray(slug: str, found: ParkedReport, said: str) -> Response:
    """`said` of what was done to it; "" where somebody was quicker."""
    if said:
        notice(said, link=_url(slug, found), link_text="Look, or undo")
    else:
        notice(TOO_LATE, "warning")
    return see_other(url_for("email_tracker.tray", slug=slug))


def _url(slug: str, found: ParkedReport) -> str:
    return url_for("email_tracker.unmatched_report", slug=slug, parked_id=found.id)
