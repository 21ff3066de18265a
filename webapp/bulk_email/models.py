"""One composition sent to many."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.accounts.models import User, Workspace
from webapp.columns import BigId, Json, UtcDateTime
from webapp.delivery.models import Connection, Tally
from webapp.delivery.models_topics import Topic
from webapp.extensions import db
from webapp.forms.models import Field, Form
from webapp.lib import clock


class Stage(StrEnum):
    """Where an email is. "Settled" is not a stage: it follows from the copies."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    PREPARING = "preparing"
    SENDING = "sending"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"


class OnePer(StrEnum):
    """Whether an address that stands in two records gets one copy or two."""

    ADDRESS = "address"
    RECORD = "record"


class PauseTopic(StrEnum):
    """What a `pause_reason` speaks of, and so what is to be looked at before Resume."""

    CONNECTION = "connection"
    BOUNCES = "bounces"


class BulkEmail(db.Model):
    """One composition and its way to everybody selected."""

    __tablename__ = "bulk_emails"
    __table_args__ = (
        Index(None, "workspace_id", "id"),
        Index(None, "stage"),
        Index(
            "ix_bulk_emails_untold",
            "stage",
            sqlite_where=text("told_settled_at IS NULL"),
            postgresql_where=text("told_settled_at IS NULL"),
        ),
        CheckConstraint(
            "stage IN ('draft', 'scheduled', 'preparing', 'sending', 'paused',"
            " 'finished', 'cancelled')",
            name="stage",
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)

    # who
    form_id: Mapped[int | None] = mapped_column(ForeignKey("forms.id", ondelete="SET NULL"))
    address_field_id: Mapped[int | None] = mapped_column(
        ForeignKey("fields.id", ondelete="SET NULL")
    )
    filter: Mapped[dict] = mapped_column(Json, default=dict)
    one_per: Mapped[str] = mapped_column(String(10), default=OnePer.ADDRESS)
    # what
    subject: Mapped[str] = mapped_column(Text, default="")
    body: Mapped[str] = mapped_column(Text, default="")
    from_name: Mapped[str] = mapped_column(String(120), default="")
    from_address: Mapped[str] = mapped_column(String(254), default="")
    reply_to: Mapped[str] = mapped_column(String(254), default="")
    connection_id: Mapped[int | None] = mapped_column(
        ForeignKey("connections.id", ondelete="SET NULL")
    )
    # the kind of mail that it is; None: only all mail can be turned down
    topic_id: Mapped[int | None] = mapped_column(ForeignKey("topics.id", ondelete="SET NULL"))
    # how
    stage: Mapped[str] = mapped_column(String(12), default=Stage.DRAFT)
    # pause or cancel said while preparing; applied in the commit that ends it
    wanted_stage: Mapped[str | None] = mapped_column(String(12))
    pause_reason: Mapped[str] = mapped_column(String(500), default="")
    pause_topic: Mapped[str] = mapped_column(String(12), default=PauseTopic.CONNECTION)
    bounce_asked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # see guarding.py
    # unique, and given to the page that shows the Send button: a double click makes one send
    nonce: Mapped[str | None] = mapped_column(String(64), unique=True)
    tracked: Mapped[bool] = mapped_column(default=False)
    # asked for in the draft; what was frozen with the template counts
    track_opens: Mapped[bool] = mapped_column(default=False)
    track_clicks: Mapped[bool] = mapped_column(default=False)
    scheduled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    schedule_zone: Mapped[str] = mapped_column(String(64), default="UTC")  # it was said in
    deadline: Mapped[datetime | None] = mapped_column(UtcDateTime)  # tries end here
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # its Pulses were summed up to minutes then, if it has not gone on since
    pulses_thinned_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    started_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    # its sender was told so then, once each; of a pause again when it has gone on meanwhile
    told_finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    told_settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    told_stopped_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # frozen at the start: subject, body, merge fields, sender, Message-ID domain
    template: Mapped[dict | None] = mapped_column(Json)
    prepared_to: Mapped[int] = mapped_column(BigId, default=0)  # the last record id prepared
    prepare_until: Mapped[int | None] = mapped_column(BigId)  # the last one selected
    expected: Mapped[int] = mapped_column(default=0)  # records counted at the start, for progress
    last_served_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # everybody up to this record id is among the people that can be looked for; then all of them
    introduced_to: Mapped[int] = mapped_column(BigId, default=0)
    introduced_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # sent again to copies of its parent that had failed: delivery.selecting.Selection as JSON, and
    # {"addresses": {record id: address}} where one is written to that the record does not have
    parent_id: Mapped[int | None] = mapped_column(
        ForeignKey("bulk_emails.id", ondelete="SET NULL"), index=True
    )
    resend: Mapped[dict] = mapped_column(Json, default=dict)

    workspace: Mapped[Workspace] = relationship()
    form: Mapped[Form | None] = relationship()
    address_field: Mapped[Field | None] = relationship()
    connection: Mapped[Connection | None] = relationship()
    topic: Mapped[Topic | None] = relationship()
    created_by: Mapped[User | None] = relationship(foreign_keys=[created_by_id])
    started_by: Mapped[User | None] = relationship(foreign_keys=[started_by_id])
    tally: Mapped[Tally | None] = relationship(viewonly=True, uselist=False)
    parent: Mapped["BulkEmail | None"] = relationship(remote_side=[id])


class PublicLook(db.Model):
    """How a workspace shows itself on the page that people come to by the link in their mail."""

    __tablename__ = "public_looks"

    workspace_id: Mapped[int] = mapped_column(
        ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[str] = mapped_column(String(120), default="")  # "": the workspace's own
    text: Mapped[str] = mapped_column(String(500), default="")
    colour: Mapped[str] = mapped_column(String(7), default="")  # "#rrggbb", or "": none
    logo: Mapped[bytes | None] = mapped_column(deferred=True)  # as lib.pictures leaves it
    logo_type: Mapped[str] = mapped_column(String(20), default="")  # its MIME type, or "": none
