"""Suppressions, for admins."""

from flask import Response, request, url_for
from flask_security.core import current_user
from flask_security.decorators import auth_required
from markupsafe import Markup

from webapp.accounts import access, auditing
from webapp.accounts.models import Role, Workspace
from webapp.bulk_email import suppressing_groups, suppression_list
from webapp.bulk_email.access import enter
from webapp.bulk_email.importing_addresses import Why
from webapp.bulk_email.routes import bulk_email
from webapp.bulk_email.suppression_list import PAGE, PERIODS, REASONS, SHOWS, Wanted
from webapp.delivery import suppressing
from webapp.delivery.models import Suppression
from webapp.extensions import db
from webapp.lib import addresses, texts
from webapp.mail.causes import Cause
from webapp.plugins import installing, slots
from webapp.web import notice, render, see_other


@bulk_email.route("/w/<slug>/suppressions", methods=["GET", "POST"])
@auth_required("session")
def suppressions(slug: str) -> Response:
    """Addresses this workspace no longer writes to; a POST adds one by hand."""
    workspace = enter(slug, Role.ADMIN)
    errors = _suppress(workspace) if request.method == "POST" else {}
    if request.method == "POST" and not errors:
        notice("It gets no more mail from this workspace.")
        return see_other(url_for("bulk_email.suppressions", slug=slug))
    show = request.args.get("show", "")
    wanted = Wanted(
        show if show in SHOWS else "",
        request.args.get("q", "").strip()[:200],
        request.args.get("before", 0, type=int),
    )
    rows = suppression_list.page(workspace, wanted)
    return render(
        "bulk_email/suppressions.html", "bulk_email/_suppressions.html",
        status=422 if errors else 200, workspace=workspace, rows=rows[:PAGE], wanted=wanted,
        more=len(rows) > PAGE, shows=SHOWS, counts=suppression_list.counts(workspace),
        words_of=suppression_list.words, source_of=_sources(workspace), errors=errors,
        typed=request.form, reasons=REASONS, periods=PERIODS,
        unfinished=suppressing_groups.unfinished(workspace),
    )  # fmt: skip


def _suppress(workspace: Workspace) -> dict[str, str]:
    address = request.form.get("address", "")
    if problem := addresses.check(address).problem:
        return {"address": problem}
    why = why_of_form()
    suppressing.suppress(
        workspace.id,
        [
            suppressing.Entry(
                address, why.cause, why.reason, None, current_user.id, expires_at=why.expires_at
            )
        ],
    )
    auditing.note(
        "address.suppressed", workspace=workspace, by=current_user, name=address,
        reason=why.reason,
    )  # fmt: skip
    db.session.commit()
    return {}


def why_of_form() -> Why:
    """What the form says of the address or addresses."""
    cause, period = request.form.get("cause", ""), request.form.get("period", "")
    return Why(
        Cause(cause) if cause in REASONS else Cause.SUPPRESSED,
        texts.one_line(request.form.get("reason", ""), 500),
        suppression_list.until(period if period in PERIODS else ""),
    )


def _sources(workspace: Workspace):
    """What other plugins show of where a suppression comes from."""
    on = installing.installed(workspace)
    panels = [each for each in slots.suppression_panels if not each.plugin or each.plugin in on]
    return lambda suppression: Markup("").join(
        Markup(panel.render(suppression)) for panel in panels
    )


@bulk_email.route("/w/<slug>/suppressions/<int:suppression_id>/lift", methods=["GET", "POST"])
@auth_required("session")
def lift(slug: str, suppression_id: int) -> Response:
    """Write to an address again, with a reason."""
    workspace = enter(slug, Role.ADMIN)
    found = access.find(Suppression, suppression_id, workspace)
    reason = request.form.get("reason", "").strip()
    if request.method != "POST" or not reason:
        errors = {"reason": "Say why; it is kept in the audit log."} if request.form else {}
        return render(
            "bulk_email/lift.html", status=422 if errors else 200, workspace=workspace,
            row=found, errors=errors, words=suppression_list.words(found.cause),
        )  # fmt: skip
    suppressing.lift(found, current_user.id, reason)
    auditing.note(
        "address.suppression_lifted", workspace=workspace, by=current_user, name=found.address,
        reason=reason,
    )  # fmt: skip
    db.session.commit()
    notice(f"{found.address} can get mail again.")
    return see_other(url_for("bulk_email.suppressions", slug=slug))
