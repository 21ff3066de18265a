"""Connections and suppressions, for admins."""

from flask import Response, abort, current_app, request, url_for
from flask_security.core import current_user
from flask_security.decorators import auth_required
from sqlalchemy import select

from webapp import providers
from webapp.accounts import access, auditing
from webapp.accounts.models import Role, Workspace
from webapp.bulk_email import composing, connecting, relay
from webapp.bulk_email.access import enter
from webapp.bulk_email.connecting import ConnectionInput
from webapp.bulk_email.routes import bulk_email
from webapp.delivery import suppressing
from webapp.delivery.models import Connection, Suppression
from webapp.extensions import db
from webapp.lib import addresses, clock
from webapp.mail.causes import Cause
from webapp.mail.conversation import ConnectError
from webapp.web import address_of, notice, render, see_other

PAGE = 50


@bulk_email.get("/w/<slug>/connections")
@auth_required("session")
def connections(slug: str) -> Response:
    workspace = enter(slug, Role.ADMIN)
    return render(
        "bulk_email/connections.html", workspace=workspace, now=clock.now(),
        connections=composing.connections(workspace), providers=providers.BY_NAME,
    )  # fmt: skip


@bulk_email.route("/w/<slug>/connections/new", methods=["GET", "POST"])
@bulk_email.route("/w/<slug>/connections/<int:connection_id>", methods=["GET", "POST"])
@auth_required("session")
def connection(slug: str, connection_id: int | None = None) -> Response:
    """Add or change a connection."""
    workspace = enter(slug, Role.ADMIN)
    found = _find(connection_id, workspace) if connection_id else connecting.new(workspace)
    if request.method == "GET":
        return _page(workspace, found, {})
    typed = ConnectionInput(
        **{name: request.form.get(name, "") for name in ConnectionInput.__dataclass_fields__}
    )
    errors = connecting.save(found, typed, providers.BY_NAME, current_user, _refuse_host)
    if errors:
        return _page(workspace, found, errors)
    notice(f"{found.name} is saved.")
    return see_other(url_for("bulk_email.connection", slug=slug, connection_id=found.id))


def _page(workspace: Workspace, found: Connection, errors: dict[str, str]) -> Response:
    hook = ""
    provider = providers.BY_NAME[found.provider]
    if found.id and provider.reports:
        hook = address_of("hooks.receive", provider_name=provider.name, hook_token=found.hook_token)
    return render(
        "bulk_email/connection.html", status=422 if errors else 200, workspace=workspace,
        connection=found, errors=errors, providers=providers.BY_NAME, provider=provider, hook=hook,
        securities=connecting.SECURITIES, typed=request.form,
    )  # fmt: skip


@bulk_email.post("/w/<slug>/connections/<int:connection_id>/test")
@auth_required("session")
def test_connection(slug: str, connection_id: int) -> Response:
    """Greet the server for real."""
    workspace = enter(slug, Role.ADMIN)
    found = _find(connection_id, workspace)
    private = current_app.config["SETTINGS"].allow_private_smtp
    try:
        error = connecting.test(relay.server_of(found, allow_private=private))
    except ConnectError as problem:
        error = str(problem)
    if error:
        notice(error, "danger")
    else:
        notice(f"{found.host} let us in.")
    return see_other(url_for("bulk_email.connection", slug=slug, connection_id=found.id))


@bulk_email.post("/w/<slug>/connections/<int:connection_id>/remove")
@auth_required("session")
def remove_connection(slug: str, connection_id: int) -> Response:
    workspace = enter(slug, Role.ADMIN)
    found = _find(connection_id, workspace)
    if refusal := connecting.remove(found, current_user):
        notice(refusal, "danger")
    else:
        notice(f"{found.name} is removed.")
    return see_other(url_for("bulk_email.connections", slug=slug))


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
    if request.method == "GET" or not reason:
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


def _find(connection_id: int, workspace: Workspace) -> Connection:
    found = access.find(Connection, connection_id, workspace)
    if found.removed_at:
        abort(404)
    return found


def _refuse_host(host: str) -> None:
    private = current_app.config["SETTINGS"].allow_private_smtp
    relay.refuse_private(host, allow_private=private)
