"""The customer's tables: Form, Field, Record, View, and what imports and exports leave behind."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp import trigrams
from webapp.accounts.models import Workspace
from webapp.columns import BigId, Json, UtcDateTime
from webapp.extensions import db
from webapp.lib import clock


class FieldKind(StrEnum):
    TEXT = "text"
    EMAIL = "email"
    NUMBER = "number"
    DATE = "date"
    CHOICE = "choice"
    YES_NO = "yes_no"


class Form(db.Model):
    """A table of the workspace. With `source` set its rows come from a registered row source
    (Email Tracker Stats does), not from records, and its fields cannot be edited."""

    __tablename__ = "forms"
    __table_args__ = (
        # one Stats form a workspace, however often and however parallel it is installed
        Index("uq_forms_workspace_id_source", "workspace_id", "source", unique=True),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(120))
    source: Mapped[str | None] = mapped_column(String(40))
    position: Mapped[int] = mapped_column(default=0)
    record_count: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    hidden_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # holds the records of an import until all of them move to that form at once; always hidden
    staged_for_id: Mapped[int | None] = mapped_column(
        ForeignKey("forms.id", ondelete="CASCADE"), index=True
    )

    workspace: Mapped[Workspace] = relationship()
    fields: Mapped[list["Field"]] = relationship(
        back_populates="form", order_by="Field.position", cascade="all, delete-orphan"
    )


class Field(db.Model):
    """A column of a form. `key` names it in Record.values and merge fields, and never changes."""

    __tablename__ = "fields"
    __table_args__ = (UniqueConstraint("form_id", "key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    form_id: Mapped[int] = mapped_column(ForeignKey("forms.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(60))
    label: Mapped[str] = mapped_column(String(120))
    kind: Mapped[str] = mapped_column(String(20))
    is_required: Mapped[bool] = mapped_column(default=False)
    choices: Mapped[list] = mapped_column(Json, default=list)
    position: Mapped[int] = mapped_column(default=0)

    form: Mapped[Form] = relationship(back_populates="fields")


class Record(db.Model):
    """A row of a form: values by field key, as typed JSON (dates as ISO text)."""

    __tablename__ = "records"
    __table_args__ = (Index(None, "form_id", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    form_id: Mapped[int] = mapped_column(ForeignKey("forms.id", ondelete="CASCADE"))
    values: Mapped[dict] = mapped_column(Json, default=dict)
    search: Mapped[str] = mapped_column(Text, default="")  # all values, case-folded
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)

    form: Mapped[Form] = relationship()


class RecordAddress(db.Model):
    """What an email field of a record holds, validated when the record was written.

    `address_key` (see lib/addresses.py) is equal for addresses of the same mailbox and NULL where
    `problem` says why nothing can be sent there. An audience is an INSERT … SELECT from this table.
    """

    __tablename__ = "record_addresses"
    __table_args__ = (
        UniqueConstraint("record_id", "field_id"),
        Index(None, "field_id", "record_id"),
        Index(None, "address_key"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    record_id: Mapped[int] = mapped_column(ForeignKey("records.id", ondelete="CASCADE"))
    field_id: Mapped[int] = mapped_column(ForeignKey("fields.id", ondelete="CASCADE"))
    address: Mapped[str] = mapped_column(String(320), default="")
    address_key: Mapped[str | None] = mapped_column(String(320))
    problem: Mapped[str | None] = mapped_column(String(300))


class RecordChange(db.Model):
    """One edit of a record: which values were what before, and who changed them."""

    __tablename__ = "record_changes"
    __table_args__ = (Index(None, "record_id", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    record_id: Mapped[int] = mapped_column(ForeignKey("records.id", ondelete="CASCADE"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    user_name: Mapped[str] = mapped_column(String(254), default="")
    what: Mapped[str] = mapped_column(String(20))  # created, edited, imported
    before: Mapped[dict] = mapped_column(Json, default=dict)
    after: Mapped[dict] = mapped_column(Json, default=dict)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)


class View(db.Model):
    """A saved filter, sorting and choice of columns of one form's grid."""

    __tablename__ = "views"

    id: Mapped[int] = mapped_column(primary_key=True)
    form_id: Mapped[int] = mapped_column(ForeignKey("forms.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(120))
    settings: Mapped[dict] = mapped_column(Json, default=dict)
    is_default: Mapped[bool] = mapped_column(default=False)

    form: Mapped[Form] = relationship()


class TransferStage(StrEnum):
    """Where an import or export is."""

    UPLOADED = "uploaded"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"


class Claimed:
    """What one worker works at at a time: forms.claiming keeps these, beside `id` and `stage`."""

    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    fence: Mapped[int] = mapped_column(default=0)
    tries: Mapped[int] = mapped_column(default=0)


class Import(Claimed, db.Model):
    """A file being brought into a form. Its records gather in a hidden form, chunk by chunk, and
    move over in one transaction; `rows_done` says where the next worker goes on."""

    __tablename__ = "imports"

    id: Mapped[int] = mapped_column(primary_key=True)
    form_id: Mapped[int] = mapped_column(ForeignKey("forms.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    file_name: Mapped[str] = mapped_column(String(200))
    content: Mapped[bytes] = mapped_column(deferred=True)  # up to 50 MB
    encoding: Mapped[str] = mapped_column(String(20), default="")
    delimiter: Mapped[str] = mapped_column(String(1), default="")
    mapping: Mapped[dict] = mapped_column(Json, default=dict)  # column number → field key
    stage: Mapped[str] = mapped_column(String(20), default=TransferStage.UPLOADED)
    rows_total: Mapped[int] = mapped_column(default=0)
    rows_done: Mapped[int] = mapped_column(default=0)
    rows_refused: Mapped[int] = mapped_column(default=0)
    rows_unusable: Mapped[int] = mapped_column(default=0)  # brought in, without a usable address
    error: Mapped[str] = mapped_column(String(500), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    staging_id: Mapped[int | None] = mapped_column(ForeignKey("forms.id", ondelete="SET NULL"))

    form: Mapped[Form] = relationship(foreign_keys=[form_id])


class ImportRow(db.Model):
    """A row that an import refused: `values` are its cells by column number."""

    __tablename__ = "import_rows"
    __table_args__ = (Index(None, "import_id", "line"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id", ondelete="CASCADE"))
    line: Mapped[int]
    values: Mapped[dict] = mapped_column(Json, default=dict)
    refused: Mapped[str | None] = mapped_column(String(500))


class Export(Claimed, db.Model):
    """A file made from a grid in the background, kept a day for its maker."""

    __tablename__ = "exports"

    id: Mapped[int] = mapped_column(primary_key=True)
    form_id: Mapped[int] = mapped_column(ForeignKey("forms.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    settings: Mapped[dict] = mapped_column(Json, default=dict)
    stage: Mapped[str] = mapped_column(String(20), default=TransferStage.RUNNING)
    rows_total: Mapped[int] = mapped_column(default=0)
    rows_done: Mapped[int] = mapped_column(default=0)
    path: Mapped[str] = mapped_column(String(300), default="")
    error: Mapped[str] = mapped_column(String(500), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    form: Mapped[Form] = relationship()


class Sorting(Claimed, db.Model):
    """Many rows in an order that no index has, as they were at `as_of`: a job keeps their ids in
    SortedRows. `what` says which rows they are and `query` in which order, as it stands in a URL;
    `key` is the digest of both."""

    __tablename__ = "sortings"

    id: Mapped[int] = mapped_column(primary_key=True)
    workspace_id: Mapped[int] = mapped_column(
        ForeignKey("workspaces.id", ondelete="CASCADE"), index=True
    )
    key: Mapped[str] = mapped_column(String(64), unique=True)
    what: Mapped[str] = mapped_column(String(40))
    of_id: Mapped[int] = mapped_column(BigId)  # of the form, or of the email
    query: Mapped[str] = mapped_column(Text)
    stage: Mapped[str] = mapped_column(String(20), default=TransferStage.RUNNING)
    rows_done: Mapped[int] = mapped_column(default=0)
    as_of: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    error: Mapped[str] = mapped_column(String(500), default="")

    @property
    def is_done(self) -> bool:
        return self.stage == TransferStage.FINISHED


class SortedRows(db.Model):
    """The `number`-th block of a sorting's ids, eight bytes each, as one machine writes them (all
    hosts of an installation are alike in this)."""

    __tablename__ = "sorted_rows"

    sorting_id: Mapped[int] = mapped_column(
        ForeignKey("sortings.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    ids: Mapped[bytes]


class RecordText(db.Model):
    """What the search of a large form finds a record by: its `search` as it was when it was
    indexed. `id` is the record's, which may have changed or gone since: StaleRecords says so."""

    __tablename__ = "record_texts"
    __table_args__ = (Index(None, "form_id", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    form_id: Mapped[int]
    search: Mapped[str] = mapped_column(Text)


class StaleRecords(db.Model):
    """Records of a form from one id to another that were written or deleted: whoever does so notes
    it in the same transaction, and their texts follow behind (forms.indexing)."""

    __tablename__ = "stale_records"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    form_id: Mapped[int]
    first_id: Mapped[int] = mapped_column(BigId)
    last_id: Mapped[int] = mapped_column(BigId)


trigrams.index_with(RecordText)
