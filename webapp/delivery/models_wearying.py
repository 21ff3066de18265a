"""Soft bounces of copies that nobody tracks: only for counting them."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.columns import BigId, UtcDateTime
from webapp.extensions import db


class SoftBounce(db.Model):
    """A copy bounced softly while the tracker was off, so that its status does not say so. Kept as
    long as it is counted (wearying.WITHIN)."""

    __tablename__ = "soft_bounces"

    recipient_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("recipients.id", ondelete="CASCADE"), primary_key=True
    )
    cause: Mapped[str] = mapped_column(String(40))
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
