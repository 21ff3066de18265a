"""Suppressions, for admins."""

from flask import Response, request, url_for
from flask_security.core import current_user
from flask_security.decorators import auth_required
from sqlalchemy import select

from webapp.accounts import access, auditing
from webapp.accounts.models import Role, Workspace
from webapp.bulk_email.access import enter
from webapp.bulk_email.routes import bulk_email
from webapp.delivery import suppressing
from webapp.delivery.models import Suppression
from webapp.extensions import db
from webapp.lib import addresses
from webapp.mail.causes import Cause
from webapp.web import notice, render, see_other

PAGE = 50


@bulk_email.route("/w/<slug>/suppressions", methods=["GET", "POST"])
@auth_required("session")
def suppressions(slug: str) -> Response:
    """Addresses this workspace no longer writes to; a POST adds one by hand."""
    workspace = enter(slug, Role.ADMIN)
    errors = _suppress(workspace) if request.method == "POST" else {}
    if request.method == "POST" and not errors:
        notice("It gets no more mail from this workspace.")
        return see_other(url_for("bulk_email.suppressions", slug=slug))
    words = request.args.get("q", "").strip()[:200]
    statement = (
        select(Suppression)
        .where(Suppression.workspace_id == workspace.id, Suppression.lifted_at.is_(None))
        .order_by(Suppression.id.desc())
        .limit(PAGE)
    )
    if words:
        statement = statement.where(
            Suppression.address_key.contains(words.casefold(), autoescape=True)
        )
    return render(
        "bulk_email/suppressions.html", status=422 if errors else 200, workspace=workspace,
        rows=db.session.scalars(statement).all(), words=words, errors=errors,
        address=request.form.get("address", ""),
    )  # fmt: skip


def _suppress(workspace: Workspace) -> dict[str, str]:
    address = request.form.get("address", "")
    if problem := addresses.check(address).problem:
        return {"address": problem}
    reason = request.form.get("reason", "").strip() or "Added by hand"
    suppressing.suppress(
        workspace.id,
        [suppressing.Entry(address, Cause.SUPPRESSED, reason, created_by_id=current_user.id)],
    )
    auditing.note("address.suppressed", workspace=workspace, by=current_user, name=address)
    db.session.commit()
    return {}


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
            row=found, errors=errors,
        )  # fmt: skip
    suppressing.lift(found, current_user.id, reason)
    auditing.note(
        "address.suppression_lifted", workspace=workspace, by=current_user, name=found.address,
        reason=reason,
    )  # fmt: skip
    db.session.commit()
    notice(f"{found.address} can get mail again.")
    return see_other(url_for("bulk_email.suppressions", slug=slug))
