"""Delivery across the emails of a workspace."""

from flask import Response, request
from flask_security.decorators import auth_required

from webapp import providers, queue
from webapp.accounts.access import is_allowed
from webapp.accounts.models import Role, Workspace
from webapp.bulk_email import composing, connection_health
from webapp.bulk_email.access import enter
from webapp.delivery import suppressing
from webapp.email_tracker import drawing, jobs, people, surveying, wording
from webapp.email_tracker.plugin import PLUGIN
from webapp.email_tracker.routes import email_tracker
from webapp.email_tracker.surveying import Sending, Survey
from webapp.lib import clock
from webapp.web import render


@email_tracker.get("/w/<slug>/emails/trends")
@auth_required("session")
def trends(slug: str) -> Response:
    """Which emails arrive worse, where, with whom; for htmx 204 while nothing has changed."""
    workspace = enter(slug, Role.VIEWER, PLUGIN.name)
    survey, is_current = surveying.survey(workspace)
    if not is_current:
        queue.wake(jobs.survey, workspace.id)
    as_of = survey.as_of.timestamp() if survey else 0
    shown = f"{surveying.version(workspace.id)}-{as_of:.2f}"
    if request.args.get("version") == shown:
        return Response(status=204)
    sendings = surveying.trend(workspace)
    return render(
        "email_tracker/trends.html", "email_tracker/_trends.html", workspace=workspace,
        survey=survey, version=shown, is_current=is_current,
        health=_health(workspace), is_admin=is_allowed(Role.ADMIN), now=clock.now(),
        is_live=not is_current or not all(each.is_settled for each in sendings),
        **_trend(sendings), **_people(workspace, survey),
    )  # fmt: skip


def _trend(sendings: list[Sending]) -> dict:
    """The last emails, and what of each did not arrive, in per cent, the oldest first."""
    rows = [
        (("lost", each.share(each.lost)), ("open", each.share(each.open)))
        for each in reversed(sendings)
    ]
    top, bars = drawing.bars(rows)
    return {"sendings": sendings, "trend_top": top, "trend_bars": bars}


def _people(workspace: Workspace, survey: Survey | None) -> dict:
    """What the survey says of addresses, as it stands now."""
    keys = [each.address_key for each in survey.bouncing] if survey else []
    weeks = survey.weeks if survey else []
    top, bars = drawing.bars([[("added", each.added)] for each in weeks])
    return {
        "persons": people.by_key(workspace, keys),
        "suppressed": suppressing.suppressed(workspace.id, keys),
        "cause_sentence": wording.cause_sentence,
        "weeks_top": top,
        "weeks_bars": bars,
    }


def _health(workspace: Workspace) -> list[tuple]:
    """(Connection, the worst that is to be said of it)."""
    now = clock.now()
    return [
        (each, connection_health.findings(each, providers.BY_NAME[each.provider], now)[0])
        for each in composing.connections(workspace)
    ]
