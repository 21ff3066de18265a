"""Asking people into a workspace, and what roles may do to each other."""

import re
import secrets
import unicodedata
from datetime import timedelta

from flask_security.utils import hash_password
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from webapp.accounts import auditing
from webapp.accounts.models import Invitation, Member, Role, User, Workspace
from webapp.extensions import db
from webapp.lib import addresses, clock

VALID_FOR = timedelta(days=7)


class Refused(Exception):
    """What was asked for is not done; the text says why."""


def create_workspace(name: str, owner: User) -> Workspace:
    """A new workspace that belongs to `owner`. Commits."""
    for _ in range(20):
        workspace = Workspace(name=name, slug=_free_slug(name), time_zone=owner.time_zone or "UTC")
        db.session.add(workspace)
        try:
            db.session.flush()
            break
        except IntegrityError:
            db.session.rollback()
    db.session.add(Member(workspace_id=workspace.id, user_id=owner.id, role=Role.OWNER))
    auditing.note("workspace.created", workspace=workspace, by=owner, subject=workspace, name=name)
    db.session.commit()
    return workspace


def invite(workspace: Workspace, address: str, role: Role, by: Member) -> Invitation:
    """Invite an address. Raises Refused. Commits."""
    checked = addresses.check(address)
    if checked.problem:
        raise Refused(checked.problem)
    if not Role(by.role).includes(role):
        raise Refused("You cannot give a role above your own.")
    if find_member(workspace, checked.address):
        raise Refused("This person is in the workspace already.")
    invitation = Invitation(
        workspace_id=workspace.id,
        address=checked.address,
        role=role,
        invited_by_id=by.user_id,
        expires_at=clock.now() + VALID_FOR,
    )
    db.session.add(invitation)
    db.session.flush()
    auditing.note(
        "member.invited", workspace=workspace, by=by.user, subject=invitation,
        name=checked.address, role=role,
    )  # fmt: skip
    db.session.commit()
    return invitation


def accept(invitation: Invitation, user: User) -> Member:
    """Join. Raises Refused. Accepting twice is joining once. Commits."""
    if not is_open(invitation):
        raise Refused("This invitation has been used, withdrawn, or is older than seven days.")
    if user.email.casefold() != invitation.address.casefold():
        raise Refused(f"This invitation is for {invitation.address}. Sign in with that address.")
    member = db.session.scalar(
        select(Member).where(
            Member.workspace_id == invitation.workspace_id, Member.user_id == user.id
        )
    )
    if member is None:
        member = Member(workspace_id=invitation.workspace_id, user_id=user.id, role=invitation.role)
        db.session.add(member)
    invitation.accepted_at = clock.now()
    auditing.note(
        "member.joined", workspace=invitation.workspace, by=user, name=user.email,
        role=invitation.role,
    )  # fmt: skip
    db.session.commit()
    return member


def create_user(address: str, name: str, password: str, time_zone: str = "UTC") -> User:
    """A new person. Raises Refused if the address is taken. Commits."""
    user = User(
        email=address,
        name=name,
        password=hash_password(password),
        fs_uniquifier=secrets.token_hex(24),
        time_zone=time_zone,
    )
    db.session.add(user)
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        raise Refused("There is an account with this address already. Sign in first.") from None
    return user


def is_open(invitation: Invitation) -> bool:
    is_used = invitation.accepted_at or invitation.withdrawn_at
    return not is_used and clock.now() < invitation.expires_at


def change_role(member: Member, role: Role, by: Member) -> None:
    """Raises Refused: nobody raises above, or lowers from above, their own role; an owner stays."""
    if not Role(by.role).includes(role) or not Role(by.role).includes(Role(member.role)):
        raise Refused("You cannot change a role above your own.")
    if member.role == Role.OWNER and role != Role.OWNER:
        _refuse_last_owner(member)
    before, member.role = member.role, role
    auditing.note(
        "member.role_changed", workspace=member.workspace, by=by.user, subject=member,
        name=member.user.email, before=before, after=role,
    )  # fmt: skip
    db.session.commit()


def remove(member: Member, by: Member) -> None:
    """Raises Refused. Commits."""
    if member.id != by.id and not Role(by.role).includes(Role(member.role)):
        raise Refused("You cannot remove somebody with a role above your own.")
    if member.role == Role.OWNER:
        _refuse_last_owner(member)
    auditing.note(
        "member.removed", workspace=member.workspace, by=by.user, subject=member,
        name=member.user.email,
    )  # fmt: skip
    db.session.delete(member)
    db.session.commit()


def find_member(workspace: Workspace, address: str) -> Member | None:
    return db.session.scalar(
        select(Member)
        .join(User)
        .where(Member.workspace_id == workspace.id, func.lower(User.email) == address.lower())
    )


def _refuse_last_owner(member: Member) -> None:
    owners = db.session.scalar(
        select(func.count()).where(
            Member.workspace_id == member.workspace_id, Member.role == Role.OWNER
        )
    )
    if owners == 1:
        raise Refused("A workspace needs an owner. Make somebody else an owner first.")


def _free_slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60] or "workspace"
    taken = db.session.scalar(select(Workspace.id).where(Workspace.slug == slug))
    return f"{slug}-{secrets.token_hex(2)}" if taken else slug
