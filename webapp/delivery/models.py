"""One person's copy, every try of ours, everything that was reported, and the counts."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    CheckConstraint,
    Double,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.columns import BigId, Encrypted, Json, UtcDateTime
from webapp.delivery.statuses import Status, StatusColumn
from webapp.extensions import db
from webapp.lib import clock


class Security(StrEnum):
    """How a conversation with the relay is protected."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


class Connection(db.Model):
    """How a workspace reaches its mail relay, and how the relay's provider reports back."""

    __tablename__ = "connections"

    id: Mapped[int] = mapped_column(primary_key=True)
    workspace_id: Mapped[int] = mapped_column(
        ForeignKey("workspaces.id", ondelete="CASCADE"), index=True
    )
    name: Mapped[str] = mapped_column(String(120))
    provider: Mapped[str] = mapped_column(String(30), default="smtp")
    host: Mapped[str] = mapped_column(String(255))
    port: Mapped[int] = mapped_column(default=587)
    security: Mapped[str] = mapped_column(String(10), default=Security.STARTTLS)
    username: Mapped[str | None] = mapped_column(String(255))
    password: Mapped[str | None] = mapped_column(Encrypted)
    from_name: Mapped[str] = mapped_column(String(120), default="")
    from_address: Mapped[str] = mapped_column(String(254), default="")
    max_connections: Mapped[int] = mapped_column(default=4)
    # the way back: the hook's address is /hooks/<provider>/<hook_token>
    hook_token: Mapped[str] = mapped_column(String(64), unique=True)
    hook_secret: Mapped[str | None] = mapped_column(Encrypted)
    old_hook_secret: Mapped[str | None] = mapped_column(Encrypted)
    old_hook_secret_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    key_set_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_event_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # since the key was set
    refused_signatures: Mapped[int] = mapped_column(default=0)
    last_refused_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # whether the hook does well was looked at then, and admins were told that it does not
    looked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    trouble_told_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # what a provider wants visited before it begins to report
    confirm_url: Mapped[str | None] = mapped_column(String(2000))
    confirm_tried_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    confirm_error: Mapped[str] = mapped_column(String(300), default="")
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # connect failures pause the Connection; copies stay queued
    paused_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    pause_reason: Mapped[str] = mapped_column(String(500), default="")
    connect_failures: Mapped[int] = mapped_column(default=0)
    # limits of the relay's owner: mails a second, mails a (UTC) day; None: none
    rate: Mapped[float | None] = mapped_column(Double)
    daily_cap: Mapped[int | None]
    next_slot_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    cap_day: Mapped[str] = mapped_column(String(10), default="")
    cap_used: Mapped[int] = mapped_column(default=0)
    # takes over while this one rests
    backup_id: Mapped[int | None] = mapped_column(ForeignKey("connections.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    backup: Mapped["Connection | None"] = relationship(remote_side=[id])

    def is_resting(self, now: datetime) -> bool:
        return self.paused_until is not None and self.paused_until > now


class Seat(db.Model):
    """The right to one conversation of a Connection, held by one worker at a time."""

    __tablename__ = "seats"

    connection_id: Mapped[int] = mapped_column(
        ForeignKey("connections.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(String(64), index=True)
    until: Mapped[datetime] = mapped_column(UtcDateTime)


class MailDomain(db.Model):
    """Who runs the mailboxes of a domain, found by its MX record."""

    __tablename__ = "mail_domains"

    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    operator: Mapped[str | None] = mapped_column(String(255))
    look_again_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class Destination(db.Model):
    """How fast a Connection may write to one mailbox provider, as learned from its complaints
    (mail.pacing.Pace). There is a row only for those that ever complained."""

    __tablename__ = "destinations"

    connection_id: Mapped[int] = mapped_column(
        ForeignKey("connections.id", ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    rate: Mapped[float | None] = mapped_column(Double)
    next_slot_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    paused_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    complaints: Mapped[int] = mapped_column(default=0)
    pauses: Mapped[int] = mapped_column(default=0)
    complained_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    eased_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reply: Mapped[str] = mapped_column(String(500), default="")


PULSE_SECONDS = 10


class Pulse(db.Model):
    """What went over the wire of one email in ten seconds, by destination: the plot while it is
    being sent. Destinations with few mails are summed up under ""."""

    __tablename__ = "pulses"

    bulk_email_id: Mapped[int] = mapped_column(
        ForeignKey("bulk_emails.id", ondelete="CASCADE"), primary_key=True
    )
    at: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    destination: Mapped[str] = mapped_column(String(255), primary_key=True)
    accepted: Mapped[int] = mapped_column(default=0)
    deferred: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)


class ConnectionTest(db.Model):
    """A test mail over a Connection, and the best that came back of it. In no books."""

    __tablename__ = "connection_tests"

    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(
        ForeignKey("connections.id", ondelete="CASCADE"), index=True
    )
    address: Mapped[str] = mapped_column(String(320))
    reply: Mapped[str] = mapped_column(Text, default="")  # the relay's, or why there is none
    is_accepted: Mapped[bool] = mapped_column(default=False)
    sent_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    kind: Mapped[str | None] = mapped_column(String(20))
    event_reply: Mapped[str] = mapped_column(Text, default="")
    event_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def has_verdict(self) -> bool:
        """Whether more than that it was taken over is known."""
        return self.kind not in (None, "processed")


class Recipient(db.Model):
    """One person's copy of one BulkEmail; address, name and merge values frozen at its start.

    Its token is `signing.make_token(key, "copy", id)` and its Message-ID `<token@domain>` with the
    email's frozen domain; neither is stored. In flight is a mark (in_flight_at), not a status.
    """

    __tablename__ = "recipients"
    __table_args__ = (
        UniqueConstraint("bulk_email_id", "record_id"),
        Index(None, "bulk_email_id", "status", "id"),
        Index(None, "bulk_email_id", "address_key"),
        # the latest of one status; of several, each of them is asked (recipients.page)
        Index(None, "bulk_email_id", "status", "changed_at", "id"),
        Index(None, "workspace_id", "id"),
        Index(None, "workspace_id", "address_key"),
        Index(
            "ix_recipients_provider_message_id",
            "provider_message_id",
            sqlite_where=text("provider_message_id IS NOT NULL"),
            postgresql_where=text("provider_message_id IS NOT NULL"),
        ),
        Index(
            "ix_recipients_resend_of_id",
            "resend_of_id",
            sqlite_where=text("resend_of_id IS NOT NULL"),
            postgresql_where=text("resend_of_id IS NOT NULL"),
        ),
        # those that failed or are put off for one reason: no entry where all goes well
        Index(
            "ix_recipients_cause",
            "bulk_email_id",
            "cause",
            "status",
            "id",
            sqlite_where=text("cause IS NOT NULL"),
            postgresql_where=text("cause IS NOT NULL"),
        ),
        # what the sender takes next, and what the sweeper looks at: few rows at any time
        Index(
            "ix_recipients_waiting",
            "bulk_email_id",
            "next_try_at",
            "id",
            sqlite_where=text("status <= 1"),
            postgresql_where=text("status <= 1"),
        ),
        CheckConstraint("fence >= 0", name="fence"),
        # room in every page for one more of each row, as neighbours go in flight together: that
        # changes no index, and so costs one write (HOT) and makes no index grow
        {"postgresql_with": {"fillfactor": 50}},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    bulk_email_id: Mapped[int] = mapped_column(ForeignKey("bulk_emails.id", ondelete="CASCADE"))
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    # no foreign keys: the copy's history outlives the record, and a Connection is removed only with
    # its workspace; to check it for every copy costs as much as the rest of the row
    record_id: Mapped[int | None] = mapped_column(BigId)
    connection_id: Mapped[int | None] = mapped_column()
    name: Mapped[str] = mapped_column(String(300), default="")
    address: Mapped[str] = mapped_column(String(320), default="")
    address_key: Mapped[str | None] = mapped_column(String(320))
    merge_values: Mapped[dict] = mapped_column(Json, default=dict)

    status: Mapped[Status] = mapped_column(StatusColumn, default=Status.QUEUED)
    # what we decided in this generation (withheld, failed, unconfirmed, gave up, marked as sent)
    decision: Mapped[Status | None] = mapped_column(StatusColumn)
    generation: Mapped[int] = mapped_column(SmallInteger, default=0)
    cause: Mapped[str | None] = mapped_column(String(30))
    reply: Mapped[str] = mapped_column(Text, default="")  # raw last words about this copy
    is_conflicting: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)

    fence: Mapped[int] = mapped_column(BigId, default=0)  # the Flight that took it last
    in_flight_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    first_tried_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # the mail's Date, kept
    attempt_count: Mapped[int] = mapped_column(SmallInteger, default=0)
    next_try_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    provider_message_id: Mapped[str | None] = mapped_column(String(255))

    opened_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    open_count: Mapped[int] = mapped_column(default=0)
    clicked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    click_count: Mapped[int] = mapped_column(default=0)
    complained_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    unsubscribed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    resend_of_id: Mapped[int | None] = mapped_column(BigId)

    connection: Mapped[Connection | None] = relationship(
        primaryjoin="foreign(Recipient.connection_id) == Connection.id"
    )


class Flight(db.Model):
    """Copies that one worker has on the wire together, until its lease ends. Its id is their
    fence: it is never used again, and what is said under an older one changes nothing."""

    __tablename__ = "flights"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    bulk_email_id: Mapped[int] = mapped_column(ForeignKey("bulk_emails.id", ondelete="CASCADE"))
    owner: Mapped[str] = mapped_column(String(64), index=True)
    lease_until: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    recipient_ids: Mapped[list] = mapped_column(Json)


class Attempt(db.Model):
    """One try of ours to hand a copy over, with what was answered. Inserted with its outcome."""

    __tablename__ = "attempts"
    __table_args__ = (Index(None, "recipient_id", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    # of a Recipient, without a foreign key, as in Event: who writes it has changed or locked that
    recipient_id: Mapped[int] = mapped_column(BigId)
    generation: Mapped[int] = mapped_column(SmallInteger, default=0)
    fence: Mapped[int] = mapped_column(BigId)
    is_fence_valid: Mapped[bool] = mapped_column(default=True)
    phase: Mapped[str] = mapped_column(String(12))
    code: Mapped[int | None] = mapped_column(SmallInteger)  # SMTP reply code, RFC 5321 4.2
    reply: Mapped[str] = mapped_column(Text, default="")
    status: Mapped[Status] = mapped_column(StatusColumn)  # what this try alone says
    cause: Mapped[str | None] = mapped_column(String(30))
    began_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)


class ArrivalStage(StrEnum):
    STORED = "stored"
    DIGESTED = "digested"
    UNREADABLE = "unreadable"


class Arrival(db.Model):
    """Raw bytes that a provider or a mailbox handed in, stored before we said thank you."""

    __tablename__ = "arrivals"
    __table_args__ = (
        UniqueConstraint("connection_id", "dedupe_key"),
        Index(
            "ix_arrivals_stored",
            "id",
            sqlite_where=text("stage = 'stored'"),
            postgresql_where=text("stage = 'stored'"),
        ),
        Index(
            "ix_arrivals_unreadable",
            "workspace_id",
            "id",
            sqlite_where=text("stage = 'unreadable'"),
            postgresql_where=text("stage = 'unreadable'"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"))
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    provider: Mapped[str] = mapped_column(String(30))
    body: Mapped[bytes] = mapped_column(LargeBinary)
    headers: Mapped[dict] = mapped_column(Json, default=dict)
    dedupe_key: Mapped[str] = mapped_column(String(128))
    stage: Mapped[str] = mapped_column(String(12), default=ArrivalStage.STORED)
    # digested for suppressions only, because the tracker was off: once more at re-installation
    is_unapplied: Mapped[bool] = mapped_column(default=False)
    error: Mapped[str] = mapped_column(String(500), default="")
    received_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    digested_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class MatchedBy(StrEnum):
    TOKEN = "token"
    MESSAGE_ID = "message_id"
    ADDRESS = "address"
    PERSON = "person"


class Event(db.Model):
    """A Report stored: once, never changed; a replay supersedes it and stores another."""

    __tablename__ = "events"
    __table_args__ = (
        # the key is a 64-bit hash of what makes an event the same: providers repeat themselves.
        # One that is superseded gives it up, so that the same may be stored anew
        UniqueConstraint("recipient_id", "key"),
        Index(None, "arrival_id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    # of a Recipient and an Arrival, without foreign keys: recording has locked both, and to check
    # them row by row takes PostgreSQL twice the time of the insert. Who deletes a Recipient
    # deletes its Events
    recipient_id: Mapped[int] = mapped_column(BigId)
    key: Mapped[int | None] = mapped_column(BigId)
    arrival_id: Mapped[int | None] = mapped_column(BigId)
    kind: Mapped[str] = mapped_column(String(20))
    status: Mapped[Status | None] = mapped_column(StatusColumn)  # what this event alone says
    cause: Mapped[str | None] = mapped_column(String(30))
    reply: Mapped[str] = mapped_column(Text, default="")
    native: Mapped[str] = mapped_column(String(60), default="")
    provider_event_id: Mapped[str | None] = mapped_column(String(255))
    matched_by: Mapped[str] = mapped_column(String(12), default=MatchedBy.TOKEN)
    is_conflict: Mapped[bool] = mapped_column(default=False)
    details: Mapped[dict] = mapped_column(Json, default=dict)
    happened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    superseded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ParkedReport(db.Model):
    """A Report whose copy was not found (yet): tried again, then shown in the Unmatched tray."""

    __tablename__ = "parked_reports"
    __table_args__ = (
        UniqueConstraint("arrival_id", "position"),
        Index(None, "workspace_id", "unmatched_at"),
        Index(None, "unmatched_at"),
        Index(None, "next_try_at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    arrival_id: Mapped[int] = mapped_column(ForeignKey("arrivals.id", ondelete="CASCADE"))
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    position: Mapped[int]  # of the Report within its Arrival
    report: Mapped[dict] = mapped_column(Json)
    tries: Mapped[int] = mapped_column(SmallInteger, default=0)
    next_try_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    unmatched_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    why: Mapped[str] = mapped_column(String(300), default="")
    # a person has dealt with it: attached it to a copy (then there is an Event), or put it aside
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    settled_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    event_id: Mapped[int | None] = mapped_column(ForeignKey("events.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)

    arrival: Mapped[Arrival] = relationship()
    event: Mapped[Event | None] = relationship()


class Suppression(db.Model):
    """An address this workspace no longer writes to, with what caused it."""

    __tablename__ = "suppressions"
    __table_args__ = (
        Index(
            "uq_suppressions_active",
            "workspace_id",
            "address_key",
            unique=True,
            sqlite_where=text("lifted_at IS NULL"),
            postgresql_where=text("lifted_at IS NULL"),
        ),
        Index(
            "ix_suppressions_expires_at",
            "expires_at",
            sqlite_where=text("lifted_at IS NULL"),
            postgresql_where=text("lifted_at IS NULL"),
        ),
        Index(None, "event_id"),
        Index(None, "workspace_id", "address_key"),
        Index(
            "ix_suppressions_group_id",
            "group_id",
            sqlite_where=text("group_id IS NOT NULL"),
            postgresql_where=text("group_id IS NOT NULL"),
        ),
        Index(
            "ix_suppressions_import_id",
            "import_id",
            sqlite_where=text("import_id IS NOT NULL"),
            postgresql_where=text("import_id IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    # of those who were put here together, and are lifted together
    group_id: Mapped[int | None]
    # the file because of which alone it is here
    import_id: Mapped[int | None]
    address: Mapped[str] = mapped_column(String(320))
    address_key: Mapped[str] = mapped_column(String(320))
    cause: Mapped[str] = mapped_column(String(30))
    reason: Mapped[str] = mapped_column(String(500), default="")
    event_id: Mapped[int | None] = mapped_column(ForeignKey("events.id", ondelete="SET NULL"))
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    # lifted by the clock then; None: for good
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    lifted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    lifted_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    lifted_reason: Mapped[str] = mapped_column(String(300), default="")


class Tally(db.Model):
    """The counts of one BulkEmail by status, moved by deltas in the transaction that moves the
    copies; `version` rises with every change and is all that an unchanged page asks for."""

    __tablename__ = "tallies"

    bulk_email_id: Mapped[int] = mapped_column(
        ForeignKey("bulk_emails.id", ondelete="CASCADE"), primary_key=True
    )
    version: Mapped[int] = mapped_column(BigId, default=0)
    queued: Mapped[int] = mapped_column(default=0)
    retrying: Mapped[int] = mapped_column(default=0)
    withheld: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    unconfirmed: Mapped[int] = mapped_column(default=0)
    sent: Mapped[int] = mapped_column(default=0)
    deferred: Mapped[int] = mapped_column(default=0)
    dropped: Mapped[int] = mapped_column(default=0)
    bounced_soft: Mapped[int] = mapped_column(default=0)
    delivered: Mapped[int] = mapped_column(default=0)
    bounced: Mapped[int] = mapped_column(default=0)
    doubles: Mapped[int] = mapped_column(default=0)  # of the withheld: left out from the start
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)

    @hybrid_property
    def selected(self) -> int:
        """Everybody selected, failures included: the books balance because this is their sum. Of
        the class it is an expression for a statement."""
        return sum(getattr(self, status.value) for status in Status)


class ClockLease(db.Model):
    """The right to run the clock (sweep, schedule), held by one worker at a time."""

    __tablename__ = "clock_leases"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    owner: Mapped[str] = mapped_column(String(64), default="")
    until: Mapped[datetime] = mapped_column(UtcDateTime)


class Provenance(db.Model):
    """Which installation this database is, and how far it has come: one row. A copy carries the
    same id; its counter and that of the original go apart from then on."""

    __tablename__ = "provenance"

    id: Mapped[int] = mapped_column(primary_key=True)
    installation_id: Mapped[str] = mapped_column(String(36))
    previous_id: Mapped[str | None] = mapped_column(String(36))  # until the last adoption
    counter: Mapped[int] = mapped_column(BigId, default=0)  # rises before anything leaves


class Doubt(StrEnum):
    """Why a host may not send before a person has said yes."""

    RESTORED = "restored"  # the database is older than what the host has seen
    MOVED = "moved"  # it stands in another place
    UNKNOWN_HOST = "unknown_host"  # the host has never sent from it


class SendingHost(db.Model):
    """A host that has asked whether it may send from this database, and the answer."""

    __tablename__ = "sending_hosts"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)  # stands in the host's own note
    name: Mapped[str] = mapped_column(String(120))
    doubt: Mapped[str] = mapped_column(String(20))
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    adopted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
