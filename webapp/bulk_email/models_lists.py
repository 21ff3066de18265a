"""Files of addresses that a workspace writes to no more, on their way onto the list."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.accounts.models import User
from webapp.columns import UtcDateTime
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

    by: Mapped[User | None] = relationship()

    @property
    def known(self) -> int:
        """Addresses that stood on the list before, or twice in the file."""
        return self.rows_done - self.has_head - self.rows_refused - self.added

    @property
    def is_over(self) -> bool:
        return self.stage in (TransferStage.FINISHED, TransferStage.FAILED)


class AddressImportLine(db.Model):
    """A line that was refused: what stands there, and why."""

    __tablename__ = "address_import_lines"

    import_id: Mapped[int] = mapped_column(
        ForeignKey("address_imports.id", ondelete="CASCADE"), primary_key=True
    )
    line: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(String(200))
    refused: Mapped[str] = mapped_column(String(500))
