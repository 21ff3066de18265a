"""The people of a workspace: members, invitations, the audit log."""

from flask import Blueprint, Response, abort, current_app, g, request, session, url_for
from flask_security.core import current_user
from flask_security.decorators import auth_required
from flask_security.utils import login_user
from sqlalchemy import select

from webapp import queue
from webapp.accounts import access, auditing, inviting, jobs, posting, wording
from webapp.accounts.models import AuditEntry, Invitation, Member, Role, Workspace
from webapp.extensions import db
from webapp.lib import clock, signing
from webapp.web import address_of, notice, render, see_other

people = Blueprint("people", __name__)
PAGE = 50
INVITATION = "invitation"


@people.get("/w/<slug>/people", endpoint="members")
@auth_required("session")
def members(slug: str) -> Response:
    return _members_page(access.enter(slug), {})


def _members_page(workspace: Workspace, errors: dict[str, str]) -> Response:
    invitations = db.session.scalars(
        select(Invitation)
        .where(
            Invitation.workspace_id == workspace.id,
            Invitation.accepted_at.is_(None),
            Invitation.withdrawn_at.is_(None),
        )
        .order_by(Invitation.id.desc())
    ).all()
    return render(
        "accounts/members.html",
        status=422 if errors else 200,
        workspace=workspace,
        invitations=invitations if access.is_allowed(Role.ADMIN) else [],
        link_of=_link_of,
        now=clock.now(),
        is_admin=access.is_allowed(Role.ADMIN),
        roles=[(role, role) for role in Role if Role(g.member.role).includes(role)],
        errors=errors,
        address=request.form.get("address", "") if errors else "",
    )


@people.post("/w/<slug>/people/invite")
@auth_required("session")
def invite(slug: str) -> Response:
    workspace = access.enter(slug, Role.ADMIN)
    try:
        role = Role(request.form.get("role", Role.VIEWER))
        invitation = inviting.invite(workspace, request.form.get("address", ""), role, g.member)
    except inviting.Refused as refusal:
        return _members_page(workspace, {"address": str(refusal)})
    except ValueError:
        abort(400)
    letter = posting.write(
        invitation.address,
        f"{current_user.name or current_user.email} invites you to {workspace.name}",
        f"{current_user.name or current_user.email} invites you to the workspace"
        f" {workspace.name}.\n\nOpen this link within seven days to join:\n"
        f"{_link_of(invitation)}\n\nIf you did not expect this, do nothing.\n",
    )
    db.session.commit()
    queue.wake(jobs.post, letter.id)
    notice(f"{invitation.address} has been invited.")
    return see_other(url_for("people.members", slug=slug))


@people.post("/w/<slug>/people/invitations/<int:invitation_id>/withdraw")
@auth_required("session")
def withdraw(slug: str, invitation_id: int) -> Response:
    workspace = access.enter(slug, Role.ADMIN)
    invitation = access.find(Invitation, invitation_id, workspace)
    invitation.withdrawn_at = clock.now()
    auditing.note(
        "member.invitation_withdrawn", workspace=workspace, by=current_user, name=invitation.address
    )
    db.session.commit()
    notice(f"The invitation of {invitation.address} opens nothing any more.")
    return see_other(url_for("people.members", slug=slug))


@people.post("/w/<slug>/people/<int:member_id>/role")
@auth_required("session")
def change_role(slug: str, member_id: int) -> Response:
    workspace = access.enter(slug, Role.ADMIN)
    member = access.find(Member, member_id, workspace)
    try:
        inviting.change_role(member, Role(request.form.get("role", "")), g.member)
        notice(f"{member.user.name or member.user.email} is now {member.role}.")
    except inviting.Refused as refusal:
        notice(str(refusal), "danger")
    except ValueError:
        abort(400)
    return see_other(url_for("people.members", slug=slug))


@people.post("/w/<slug>/people/<int:member_id>/remove")
@auth_required("session")
def remove(slug: str, member_id: int) -> Response:
    workspace = access.enter(slug, Role.ADMIN)
    member = access.find(Member, member_id, workspace)
    name = member.user.name or member.user.email
    try:
        inviting.remove(member, g.member)
        notice(f"{name} is no longer in {workspace.name}.")
    except inviting.Refused as refusal:
        notice(str(refusal), "danger")
    return see_other(url_for("people.members", slug=slug))


@people.route("/invitations/<token>", methods=["GET", "POST"])
def accept(token: str) -> Response:
    """Join by the link of an invitation: as somebody signed in, or as somebody new."""
    key = current_app.config["TOKEN_KEY"]
    invitation = db.session.get(Invitation, signing.read_token(key, INVITATION, token) or 0)
    if invitation is None:
        abort(404)
    if request.method != "POST":
        return _accept_page(invitation, {})
    try:
        user = current_user if current_user.is_authenticated else _newcomer(invitation)
        member = inviting.accept(invitation, user)
    except inviting.Refused as refusal:
        return _accept_page(invitation, {"password": str(refusal)})
    if not current_user.is_authenticated:
        session.clear()
        login_user(user)
    notice(f"Welcome to {member.workspace.name}.")
    return see_other(url_for("accounts.workspace", slug=member.workspace.slug))


def _newcomer(invitation: Invitation):
    password = request.form.get("password", "")
    if not inviting.is_open(invitation):
        raise inviting.Refused("This invitation has been used, withdrawn, or is too old.")
    if not 10 <= len(password) <= 200:
        raise inviting.Refused("The password needs at least 10 characters.")
    name = request.form.get("name", "").strip()[:200]
    return inviting.create_user(invitation.address, name, password)


def _accept_page(invitation: Invitation, errors: dict[str, str]) -> Response:
    return render(
        "accounts/accept.html",
        status=422 if errors else 200,
        invitation=invitation,
        is_open=inviting.is_open(invitation),
        errors=errors,
        name=request.form.get("name", ""),
    )


@people.get("/w/<slug>/audit")
@auth_required("session")
def audit(slug: str) -> Response:
    """Who did what, newest first."""
    workspace = access.enter(slug, Role.ADMIN)
    before = request.args.get("before", type=int)
    entries = select(AuditEntry).where(AuditEntry.workspace_id == workspace.id)
    if before:
        entries = entries.where(AuditEntry.id < before)
    rows = db.session.scalars(entries.order_by(AuditEntry.id.desc()).limit(PAGE + 1)).all()
    return render(
        "accounts/audit.html",
        words=auditing.WORDS,
        workspace=workspace,
        entries=[(row, wording.details(row, current_user.time_zone)) for row in rows[:PAGE]],
        older=rows[PAGE - 1].id if len(rows) > PAGE else None,
    )


def _link_of(invitation: Invitation) -> str:
    token = signing.make_token(current_app.config["TOKEN_KEY"], INVITATION, invitation.id)
    return address_of("people.accept", token=token)
