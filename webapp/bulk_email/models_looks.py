"""What was counted of a large email before it is sent again."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from webapp.columns import BigId, Json, UtcDateTime
from webapp.extensions import db
from webapp.lib import clock


class ResendLook(db.Model):
    """A preview of sending an email again that a worker counts: of the same wish there is one.
    `done` of `total` failed copies are judged; `found` is there once all of them are."""

    __tablename__ = "resend_looks"
    __table_args__ = (UniqueConstraint("bulk_email_id", "key"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    bulk_email_id: Mapped[int] = mapped_column(ForeignKey("bulk_emails.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(64))
    wish: Mapped[dict] = mapped_column(Json)
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    found: Mapped[dict | None] = mapped_column(Json)
    began_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    # when its worker was heard of last
    heard_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
