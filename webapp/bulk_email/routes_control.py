"""What can be done to an email on its way: pause, resume, cancel, schedule, deadline, doubts."""

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from flask import Response, abort, request, url_for
from flask_security.core import current_user
from flask_security.decorators import auth_required
from sqlalchemy import Select, select

from webapp import queue
from webapp.accounts.models import Role
from webapp.bulk_email import jobs, scheduling, sending
from webapp.bulk_email.access import enter, enter_email
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.bulk_email.routes import bulk_email, email_context, fence_context
from webapp.bulk_email.scheduling import MomentError
from webapp.delivery import adopting
from webapp.delivery.models import Recipient
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.lib import clock
from webapp.web import notice, render, see_other

COMMANDS: dict[str, Callable] = {
    "pause": sending.pause,
    "resume": sending.resume,
    "cancel": sending.cancel,
    "unschedule": scheduling.unschedule,
}
DOUBTFUL = {"send-again": sending.send_again, "mark-as-sent": sending.mark_as_sent}
LISTED = 200
LONGEST_DEADLINE = timedelta(days=30)


@bulk_email.route("/w/<slug>/emails/<int:email_id>/do/<command>", methods=["GET", "POST"])
@auth_required("session")
def control(slug: str, email_id: int, command: str) -> Response:
    """Pause, resume, cancel, unschedule: asked once (GET), done once (POST)."""
    workspace, email = enter_email(slug, email_id, Role.EDITOR)
    act = COMMANDS.get(command)
    if act is None:
        abort(404)
    if request.method != "POST":
        context = email_context(workspace, email) | {"command": command}
        return render("bulk_email/control.html", "bulk_email/_control.html", **context)
    if not act(email, current_user):
        notice("That is not possible any more: the email has moved on meanwhile.", "warning")
    queue.wake(jobs.drain)
    if command == "cancel":
        queue.wake(jobs.withhold_rest, email.id)
    page = "compose" if command == "unschedule" else "show"
    return see_other(url_for(f"bulk_email.{page}", slug=slug, email_id=email.id))


@bulk_email.route("/w/<slug>/emails/<int:email_id>/reschedule", methods=["GET", "POST"])
@auth_required("session")
def reschedule(slug: str, email_id: int) -> Response:
    """Another time for a scheduled email."""
    workspace, email = enter_email(slug, email_id, Role.EDITOR)
    where = url_for("bulk_email.show", slug=slug, email_id=email.id)
    if email.stage != Stage.SCHEDULED:
        return see_other(where)
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            at, zone = moment_typed()
            scheduling.schedule(email, at=at, zone=zone, by=current_user)
            return see_other(where)
        except ValueError as error:  # MomentError, MergeError
            errors = {"day": str(error)}
    context = email_context(workspace, email) | {"errors": errors, "command": "reschedule"}
    context |= when_context(email.scheduled_at, email.schedule_zone)
    return _asked(context, errors)


@bulk_email.route("/w/<slug>/emails/<int:email_id>/deadline", methods=["GET", "POST"])
@auth_required("session")
def change_deadline(slug: str, email_id: int) -> Response:
    """Stop trying sooner or later than was said."""
    workspace, email = enter_email(slug, email_id, Role.EDITOR)
    where = url_for("bulk_email.show", slug=slug, email_id=email.id)
    if email.stage not in (Stage.PREPARING, Stage.SENDING, Stage.PAUSED):
        return see_other(where)
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            at, _ = moment_typed()
            if at > clock.now() + LONGEST_DEADLINE:
                raise MomentError("Choose a time within 30 days.")
            sending.change_deadline(email, at, current_user)
            return see_other(where)
        except MomentError as error:
            errors = {"day": str(error)}
    context = email_context(workspace, email) | {"errors": errors, "command": "deadline"}
    return _asked(context | when_context(email.deadline, current_user.time_zone), errors)


def _asked(context: dict, errors: dict[str, str]) -> Response:
    status = 422 if errors else 200
    return render("bulk_email/control.html", "bulk_email/_control.html", status=status, **context)


def moment_typed() -> tuple[datetime, str]:
    """(the moment, its zone) of the fields day, time and zone. Raises MomentError."""
    zone = request.form.get("zone", "")
    typed = (request.form.get("day", ""), request.form.get("time", ""))
    return scheduling.moment(*typed, zone), zone


def when_context(at: datetime | None, zone: str | None) -> dict:
    """What the fields day, time and zone show: what was typed, else `at` in `zone`."""
    zone = request.form.get("zone") or zone or current_user.time_zone or "UTC"
    zone = zone if zone in available_timezones() else "UTC"
    local = (at or clock.now() + timedelta(hours=1)).astimezone(ZoneInfo(zone))
    return {
        "day": request.form.get("day", f"{local:%Y-%m-%d}"),
        "time_of_day": request.form.get("time", f"{local:%H:%M}"),
        "zone": zone,
        "zones": sorted(available_timezones()),
    }


@bulk_email.get("/w/<slug>/emails/<int:email_id>/doubtful")
@auth_required("session")
def doubtful(slug: str, email_id: int) -> Response:
    """The copies of which nobody can tell whether they left, and what can be done."""
    workspace, email = enter_email(slug, email_id)
    copies = db.session.scalars(_doubtful(email).with_only_columns(Recipient).limit(LISTED)).all()
    context = email_context(workspace, email) | {"copies": copies}
    return render("bulk_email/doubtful.html", **context)


@bulk_email.post("/w/<slug>/emails/<int:email_id>/doubtful")
@auth_required("session")
def decide_doubtful(slug: str, email_id: int) -> Response:
    """Send the chosen ones again, or say that they have left."""
    _, email = enter_email(slug, email_id, Role.EDITOR)
    act = DOUBTFUL.get(request.form.get("command", ""))
    if act is None:
        abort(404)
    chosen = set(request.form.getlist("copy"))
    ids = [
        copy_id
        for copy_id in db.session.scalars(_doubtful(email))
        if request.form.get("which") == "all" or str(copy_id) in chosen
    ]
    done = sum(
        act(email, ids[begin : begin + sending.CHUNK], current_user)
        for begin in range(0, len(ids), sending.CHUNK)
    )
    words = "sent again" if act is sending.send_again else "marked as sent"
    copies = "One copy is" if done == 1 else f"{done:,} copies are"
    if done:
        notice(f"{copies} {words}.")
    else:
        notice("Choose at least one copy that is still in doubt.", "warning")
    queue.wake(jobs.drain)
    return see_other(url_for("bulk_email.doubtful", slug=slug, email_id=email.id))


def _doubtful(email: BulkEmail) -> Select:
    return (
        select(Recipient.id)
        .where(Recipient.bulk_email_id == email.id, Recipient.status == Status.UNCONFIRMED)
        .order_by(Recipient.id)
    )


@bulk_email.route("/w/<slug>/adopt", methods=["GET", "POST"])
@auth_required("session")
def adopt(slug: str) -> Response:
    """Say that this database is no copy that must stay silent: asked once, done once."""
    workspace = enter(slug, Role.ADMIN)
    if request.method != "POST":
        context = {"workspace": workspace, "waiting": sending.count_waiting()} | fence_context()
        return render("bulk_email/adopt.html", "bulk_email/_adopt.html", **context)
    if adopting.adopt(current_user):
        notice("This database is the one that sends. Mail leaves again within seconds.")
    return see_other(url_for("bulk_email.index", slug=slug))
