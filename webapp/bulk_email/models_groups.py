"""Groups of people whose copies failed alike, and whom the workspace writes to no more."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.accounts.models import User
from webapp.bulk_email.models import BulkEmail
from webapp.columns import BigId, UtcDateTime
from webapp.delivery.statuses import Status, StatusColumn
from webapp.extensions import db
from webapp.forms.models import Claimed, TransferStage
from webapp.lib import clock


class SuppressedGroup(Claimed, db.Model):
    """The copies of one BulkEmail that failed for one cause, put on the list of suppressions
    together and lifted together, claimed like an import (forms.claiming). `done_status` and
    `done_to` name the copy with which the next worker goes on."""

    __tablename__ = "suppressed_groups"

    id: Mapped[int] = mapped_column(primary_key=True)
    workspace_id: Mapped[int] = mapped_column(
        ForeignKey("workspaces.id", ondelete="CASCADE"), index=True
    )
    bulk_email_id: Mapped[int] = mapped_column(
        ForeignKey("bulk_emails.id", ondelete="CASCADE"), index=True
    )
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    cause: Mapped[str] = mapped_column(String(40))
    reason: Mapped[str] = mapped_column(String(500))
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    is_lifted: Mapped[bool] = mapped_column(default=False)
    lifted_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    lifted_reason: Mapped[str] = mapped_column(String(300), default="")
    stage: Mapped[str] = mapped_column(String(20), default=TransferStage.RUNNING)
    rows_total: Mapped[int] = mapped_column(default=0)
    rows_done: Mapped[int] = mapped_column(default=0)
    added: Mapped[int] = mapped_column(default=0)
    done_status: Mapped[Status] = mapped_column(StatusColumn, default=Status.QUEUED)
    done_to: Mapped[int] = mapped_column(BigId, default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)

    bulk_email: Mapped[BulkEmail] = relationship()
    by: Mapped[User | None] = relationship(foreign_keys=[user_id])

    @property
    def is_over(self) -> bool:
        return self.stage != TransferStage.RUNNING

    @property
    def is_given_up(self) -> bool:
        """Tried often without getting further; some may be done."""
        return self.stage == TransferStage.FAILED
