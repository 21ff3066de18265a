"""What people are told: in the app, and by mail unless they said no."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.columns import BigId, UtcDateTime
from webapp.extensions import db
from webapp.lib import clock


class TidingKind(StrEnum):
    """What a Tiding is about; mails of each kind can be switched off."""

    FINISHED = "finished"
    SETTLED = "settled"
    STOPPED = "stopped"
    CANCELLED = "cancelled"
    CONNECTION = "connection"
    ENDPOINT = "endpoint"


class Tiding(db.Model):
    """One thing that one person is told. Written in the transaction that notes it as told, so that
    nobody is told twice."""

    __tablename__ = "tidings"
    __table_args__ = (
        Index(None, "user_id", "workspace_id", "id"),
        Index(
            "ix_tidings_unread",
            "user_id",
            "workspace_id",
            sqlite_where=text("read_at IS NULL"),
            postgresql_where=text("read_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(20))
    title: Mapped[str] = mapped_column(String(300))
    text: Mapped[str] = mapped_column(Text, default="")
    path: Mapped[str] = mapped_column(String(500))  # of the page that it speaks of
    is_mailed: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    read_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Mute(db.Model):
    """A person wants no mails of that kind; what they say still stands in the app."""

    __tablename__ = "mutes"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
