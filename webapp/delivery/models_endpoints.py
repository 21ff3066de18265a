"""Other systems that are told by signed POSTs (webhooks) what happens here."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.columns import BigId, Encrypted, UtcDateTime
from webapp.extensions import db
from webapp.lib import clock


class HappeningKind(StrEnum):
    """What an Endpoint can be told of; the value stands in what is posted."""

    EMAIL_FINISHED = "email.finished"
    EMAIL_SETTLED = "email.settled"
    EMAIL_STOPPED = "email.stopped"
    EMAIL_CANCELLED = "email.cancelled"
    COPY_DELIVERED = "copy.delivered"
    COPY_DEFERRED = "copy.deferred"
    COPY_BOUNCED = "copy.bounced"
    COPY_DROPPED = "copy.dropped"
    COPY_FAILED = "copy.failed"
    COPY_COMPLAINED = "copy.complained"
    COPY_UNSUBSCRIBED = "copy.unsubscribed"


class Endpoint(db.Model):
    """An address of another system, and how it has answered lately."""

    __tablename__ = "endpoints"

    id: Mapped[int] = mapped_column(primary_key=True)
    workspace_id: Mapped[int] = mapped_column(
        ForeignKey("workspaces.id", ondelete="CASCADE"), index=True
    )
    url: Mapped[str] = mapped_column(String(500))
    # kinds between blanks, also at both ends, so that SQL finds one by LIKE
    kinds: Mapped[str] = mapped_column(String(300))
    secret: Mapped[str] = mapped_column(Encrypted)
    old_secret: Mapped[str | None] = mapped_column(Encrypted)
    old_secret_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    # since when every try has failed, how many, and when it is tried again
    failing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    failures: Mapped[int] = mapped_column(default=0)
    rests_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    busy_until: Mapped[datetime | None] = mapped_column(UtcDateTime)  # a worker is at it
    off_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    off_reason: Mapped[str] = mapped_column(String(300), default="")

    def is_told_of(self, kind: str) -> bool:
        return kind in self.kinds.split()


class Happening(db.Model):
    """One thing for one Endpoint, until it is packed into a Parcel. Without foreign keys: it is
    written in the transaction in which it happens, which no Endpoint just removed may undo."""

    __tablename__ = "happenings"
    __table_args__ = (Index(None, "endpoint_id", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    endpoint_id: Mapped[int]
    kind: Mapped[str] = mapped_column(String(30))
    bulk_email_id: Mapped[int]
    recipient_id: Mapped[int | None] = mapped_column(BigId)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class ParcelState(StrEnum):
    WAITING = "waiting"
    TAKEN = "taken"  # answered with 2xx
    FAILED = "failed"


class Parcel(db.Model):
    """Happenings in one body, posted with the same webhook-id until the Endpoint takes it."""

    __tablename__ = "parcels"
    __table_args__ = (Index(None, "endpoint_id", "state", "next_try_at"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    endpoint_id: Mapped[int] = mapped_column(ForeignKey("endpoints.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(40), unique=True)  # the webhook-id
    body: Mapped[bytes] = mapped_column(LargeBinary)
    size: Mapped[int]  # happenings in it; 0: a test
    state: Mapped[str] = mapped_column(String(10), default=ParcelState.WAITING)
    tries: Mapped[int] = mapped_column(default=0)  # since it was made, or sent again by hand
    next_try_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now, index=True)


class ParcelTry(db.Model):
    """One POST of a Parcel, and how it was answered: `status` None where there was no answer."""

    __tablename__ = "parcel_tries"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    parcel_id: Mapped[int] = mapped_column(ForeignKey("parcels.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    status: Mapped[int | None]
    took_ms: Mapped[int]
    answer: Mapped[str] = mapped_column(
        String(500), default=""
    )  # its first characters, or why none
