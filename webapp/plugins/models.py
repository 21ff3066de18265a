"""Which plugins are switched on where."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from webapp.columns import UtcDateTime
from webapp.extensions import db
from webapp.lib import clock


class Installation(db.Model):
    """A plugin in one workspace. Uninstalled, the row stays (removed_at), so that re-installing
    brings everything back; the unique constraint makes installing twice one installation."""

    __tablename__ = "installations"
    __table_args__ = (UniqueConstraint("workspace_id", "plugin"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    plugin: Mapped[str] = mapped_column(String(40))
    installed_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    installed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def is_on(self) -> bool:
        return self.removed_at is None
