"""Workspaces, the people in them, how they sign in, and who did what."""

from datetime import datetime
from enum import StrEnum

from flask_security.core import RoleMixin, UserMixin
from sqlalchemy import Column, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.columns import BigId, Json, UtcDateTime
from webapp.extensions import db
from webapp.lib import clock


class Role(StrEnum):
    """What a member may do; each includes what the ones before it may."""

    VIEWER = "viewer"
    EDITOR = "editor"
    ADMIN = "admin"
    OWNER = "owner"

    def includes(self, other: "Role") -> bool:
        order = list(Role)
        return order.index(self) >= order.index(other)


class SignInRole(db.Model, RoleMixin):
    """Asked for by Flask-Security and unused: what a person may do hangs on the workspace."""

    __tablename__ = "sign_in_roles"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)


_users_roles = db.Table(
    "sign_in_roles_users",
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("role_id", ForeignKey("sign_in_roles.id", ondelete="CASCADE"), primary_key=True),
)


class User(db.Model, UserMixin):
    """A person who can sign in. Everywhere else a person is a Member of a workspace."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(200), default="")
    password: Mapped[str | None] = mapped_column(String(255))
    active: Mapped[bool] = mapped_column(default=True)
    fs_uniquifier: Mapped[str] = mapped_column(String(64), unique=True)
    time_zone: Mapped[str] = mapped_column(String(64), default="UTC")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)

    roles: Mapped[list[SignInRole]] = relationship(secondary=_users_roles)
    members: Mapped[list["Member"]] = relationship(back_populates="user")


class SignIn(db.Model):
    """One browser signed in: ended here, the cookie it left behind opens nothing any more."""

    __tablename__ = "sign_ins"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_agent: Mapped[str] = mapped_column(String(300), default="")
    began_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class UnconfirmedPolicy(StrEnum):
    """What becomes of copies of which nobody knows whether they left."""

    HOLD = "hold"
    SEND_AGAIN = "send_again"


class Workspace(db.Model):
    """Where forms live."""

    __tablename__ = "workspaces"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    slug: Mapped[str] = mapped_column(String(80), unique=True)
    time_zone: Mapped[str] = mapped_column(String(64), default="UTC")
    postal_address: Mapped[str] = mapped_column(String(300), default="")
    unconfirmed_policy: Mapped[str] = mapped_column(String(20), default=UnconfirmedPolicy.HOLD)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    # deleted: it has no members any more, and its rows go in the background
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    members: Mapped[list["Member"]] = relationship(back_populates="workspace")


class Member(db.Model):
    """A person in a workspace, with a role."""

    __tablename__ = "members"
    __table_args__ = (UniqueConstraint("workspace_id", "user_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    role: Mapped[str] = mapped_column(String(20), default=Role.VIEWER)
    joined_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)

    workspace: Mapped[Workspace] = relationship(back_populates="members")
    user: Mapped[User] = relationship(back_populates="members")


class Invitation(db.Model):
    """A person asked into a workspace by mail, until accepted, withdrawn or expired."""

    __tablename__ = "invitations"

    id: Mapped[int] = mapped_column(primary_key=True)
    workspace_id: Mapped[int] = mapped_column(
        ForeignKey("workspaces.id", ondelete="CASCADE"), index=True
    )
    address: Mapped[str] = mapped_column(String(254))
    role: Mapped[str] = mapped_column(String(20))
    invited_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    accepted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    workspace: Mapped[Workspace] = relationship()
    invited_by: Mapped[User | None] = relationship()


class AuditEntry(db.Model):
    """Who did what, when. Append-only: the database refuses UPDATE and DELETE (a trigger).

    Names are kept as they were, without foreign keys: an entry outlives what it speaks of.
    """

    __tablename__ = "audit_entries"
    __table_args__ = (Index(None, "workspace_id", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    workspace_id: Mapped[int | None]
    user_id: Mapped[int | None]
    user_name: Mapped[str] = mapped_column(String(254), default="")
    action: Mapped[str] = mapped_column(String(60))
    subject_kind: Mapped[str] = mapped_column(String(40), default="")
    subject_id: Mapped[int | None] = mapped_column(BigId)
    subject: Mapped[str] = mapped_column(String(300), default="")
    details: Mapped[dict] = mapped_column(Json, default=dict)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)


class Letter(db.Model):
    """A mail of the installation itself (invitation, reset), until it has been posted; the text is
    forgotten then, because it may hold a link that opens something."""

    __tablename__ = "letters"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    address: Mapped[str] = mapped_column(String(254))
    subject: Mapped[str] = mapped_column(String(200))
    text: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    posted_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    tries: Mapped[int] = mapped_column(default=0)
    # not before; while it is being handed over, the time at which somebody else may try
    next_try_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # committed before its text goes on the wire: until it is posted nobody can tell whether it left
    handed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # one click on it ends mails of this kind (RFC 8058); "": there is nothing to end
    unsubscribe_url: Mapped[str] = mapped_column(String(500), default="", server_default="")
    error: Mapped[str] = mapped_column(String(300), default="")
