"""Kinds of mail that people may turn down, each by itself."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.columns import BigId, UtcDateTime
from webapp.extensions import db
from webapp.lib import clock


class Topic(db.Model):
    """A kind of mail of a workspace. Once it was sent it is only hidden: links in mails keep it."""

    __tablename__ = "topics"
    __table_args__ = (
        Index(
            "uq_topics_name",
            "workspace_id",
            "name",
            unique=True,
            sqlite_where=text("removed_at IS NULL"),
            postgresql_where=text("removed_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(60))
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class OptOut(db.Model):
    """An address that wants no mail of one topic. Who takes it back has no row any more."""

    __tablename__ = "opt_outs"

    topic_id: Mapped[int] = mapped_column(
        ForeignKey("topics.id", ondelete="CASCADE"), primary_key=True
    )
    address_key: Mapped[str] = mapped_column(String(320), primary_key=True)
    recipient_id: Mapped[int | None] = mapped_column(BigId)  # the copy that it was said on
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
