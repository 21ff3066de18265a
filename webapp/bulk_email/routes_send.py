"""The last question before an email goes out, and the answer."""

import secrets
from datetime import timedelta

from flask import Response, request, url_for
from flask_security.core import current_user
from flask_security.decorators import auth_required

from webapp import queue
from webapp.accounts.models import Role, Workspace
from webapp.bulk_email import audience, checking, jobs, scheduling, sending
from webapp.bulk_email.access import enter_email
from webapp.bulk_email.checking import Check
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.bulk_email.routes import bulk_email
from webapp.bulk_email.routes_control import moment_typed, when_context
from webapp.bulk_email.scheduling import MomentError
from webapp.plugins import installing
from webapp.web import notice, render, see_other

TYPE_THE_NUMBER_ABOVE = 500


@bulk_email.route("/w/<slug>/emails/<int:email_id>/send", methods=["GET", "POST"])
@auth_required("session")
def send(slug: str, email_id: int) -> Response:
    """Ask once (GET), send or schedule once (POST): the page's nonce makes a double click one."""
    if request.method != "POST":
        return ask_to_send(slug, email_id)
    workspace, draft = enter_email(slug, email_id, Role.EDITOR)
    where = url_for("bulk_email.show", slug=slug, email_id=draft.id)
    if draft.stage not in (Stage.DRAFT, Stage.SCHEDULED):
        return see_other(where)
    found = checking.check(draft)
    errors = _send(workspace, draft, found) if found.can_be_sent else {}
    if found.can_be_sent and not errors:
        return see_other(where)
    return _question(workspace, draft, found, errors)


def ask_to_send(slug: str, email_id: int) -> Response:
    """The question, with how many will get it and who will not."""
    workspace, draft = enter_email(slug, email_id, Role.EDITOR)
    if draft.stage not in (Stage.DRAFT, Stage.SCHEDULED):
        return see_other(url_for("bulk_email.show", slug=slug, email_id=draft.id))
    return _question(workspace, draft, checking.check(draft), {})


def _question(
    workspace: Workspace, draft: BulkEmail, found: Check, errors: dict[str, str]
) -> Response:
    is_refused = request.method == "POST" and (errors or not found.can_be_sent)
    return render(
        "bulk_email/send.html", "bulk_email/_send.html", status=422 if is_refused else 200,
        workspace=workspace, email=draft, check=found, errors=errors,
        hours=request.form.get("hours", _hours(draft)),
        nonce=request.form.get("nonce") or secrets.token_urlsafe(24),
        type_number=found.counts is not None and found.counts.will_get_it > TYPE_THE_NUMBER_ABOVE,
        can_follow=jobs.TRACKER in installing.installed(workspace),
        describe=audience.describe, is_missed=scheduling.is_missed(draft),
        **when_context(draft.scheduled_at, draft.schedule_zone if draft.scheduled_at else None),
    )  # fmt: skip


def _hours(draft: BulkEmail) -> int:
    return max(1, round(sending.tries_for(draft).total_seconds() / 3600))


def _send(workspace: Workspace, draft: BulkEmail, found: Check) -> dict[str, str]:
    """Start or schedule; {field: what is wrong}."""
    number = found.counts.will_get_it if found.counts else 0
    typed = "".join(request.form.get("number", "").replace(",", "").split())
    if number > TYPE_THE_NUMBER_ABOVE and typed != str(number):
        return {"number": f"Type {number} to say that you mean all of them."}
    hours = request.form.get("hours", type=int)
    if not hours or not 1 <= hours <= 240:
        return {"hours": "Choose from 1 to 240 hours."}
    try_for = timedelta(hours=hours)
    if request.form.get("when") == "later":
        return _schedule(draft, try_for)
    tracked = jobs.TRACKER in installing.installed(workspace)
    nonce = request.form.get("nonce", "")[:64] or secrets.token_urlsafe(24)
    if sending.start(draft, nonce=nonce, by=current_user, tracked=tracked, try_for=try_for):
        queue.wake(jobs.prepare, draft.id)
    return {}


def _schedule(draft: BulkEmail, try_for: timedelta) -> dict[str, str]:
    try:
        at, zone = moment_typed()
    except MomentError as error:
        return {"day": str(error)}
    if scheduling.schedule(draft, at=at, zone=zone, by=current_user, try_for=try_for):
        notice(f"It goes out {scheduling.in_zone(at, zone)}.")
    return {}
