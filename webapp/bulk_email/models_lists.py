"""Files of addresses that a workspace writes to no more, on their way onto the list."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.accounts.models import User
from webapp.columns import BigId, UtcDateTime
from webapp.extensions import db
from webapp.forms.models import Claimed, TransferStage
from webapp.lib import clock


class AddressImport(Claimed, db.Model):
    """A file being brought onto the list, claimed like an import of records (forms.claiming).
    `rows_done` says where the next worker goes on; `content` is let go at the end."""

    __tablename__ = "address_imports"

    id: Mapped[int] = mapped_column(primary_key=True)
    workspace_id: Mapped[int] = mapped_column(
        ForeignKey("workspaces.id", ondelete="CASCADE"), index=True
    )
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    file_name: Mapped[str] = mapped_column(String(200))
    content: Mapped[bytes] = mapped_column(deferred=True)  # up to 50 MB
    encoding: Mapped[str] = mapped_column(String(20))
    delimiter: Mapped[str] = mapped_column(String(1))
    address_column: Mapped[int]
    has_head: Mapped[bool]  # the first row names the columns
    cause: Mapped[str] = mapped_column(String(40))
    reason: Mapped[str] = mapped_column(String(500))
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    stage: Mapped[str] = mapped_column(String(20), default=TransferStage.RUNNING)
    rows_total: Mapped[int] = mapped_column(default=0)
    rows_done: Mapped[int] = mapped_column(default=0)
    rows_refused: Mapped[int] = mapped_column(default=0)
    added: Mapped[int] = mapped_column(default=0)
    error: Mapped[str] = mapped_column(String(500), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # its way back: `undo_total` addresses are gone through, `lifted` of them get mail again
    is_undone: Mapped[bool] = mapped_column(default=False)
    undone_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    undone_reason: Mapped[str] = mapped_column(String(300), default="")
    undone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    undo_total: Mapped[int] = mapped_column(default=0)
    undo_done: Mapped[int] = mapped_column(default=0)
    lifted: Mapped[int] = mapped_column(default=0)

    by: Mapped[User | None] = relationship(foreign_keys=[user_id])
    undone_by: Mapped[User | None] = relationship(foreign_keys=[undone_by_id])

    @property
    def known(self) -> int:
        """Addresses that stood on the list before, or twice in the file."""
        return self.rows_done - self.has_head - self.rows_refused - self.added

    @property
    def is_over(self) -> bool:
        return self.stage in (TransferStage.FINISHED, TransferStage.FAILED)

    @property
    def is_failed(self) -> bool:
        return self.stage == TransferStage.FAILED


class AddressImportLine(db.Model):
    """A line that was refused: what stands there, and why."""

    __tablename__ = "address_import_lines"

    import_id: Mapped[int] = mapped_column(
        ForeignKey("address_imports.id", ondelete="CASCADE"), primary_key=True
    )
    line: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(String(200))
    refused: Mapped[str] = mapped_column(String(500))


class OtherReason(db.Model):
    """Why an address that is on the list by a file would be there without it: another file names it
    too, or it stood there until a time. Undoing the import puts this in place of lifting."""

    __tablename__ = "suppression_other_reasons"
    __table_args__ = (Index(None, "suppression_id"), Index(None, "import_id"))

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    suppression_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("suppressions.id", ondelete="CASCADE")
    )
    import_id: Mapped[int | None]
    group_id: Mapped[int | None]
    cause: Mapped[str] = mapped_column(String(30))
    reason: Mapped[str] = mapped_column(String(500))
    event_id: Mapped[int | None] = mapped_column(BigId)
    created_by_id: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
