"""What was counted over all copies of a large email, kept until there is something newer."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from webapp.columns import BigId, Json, UtcDateTime
from webapp.extensions import db
from webapp.lib import clock


class Insight(db.Model):
    """Counts of one BulkEmail beyond its Tally, as of the Tally's `version`. `took` is how many
    milliseconds the counting lasted, and so says how soon it may be done again."""

    __tablename__ = "insights"

    bulk_email_id: Mapped[int] = mapped_column(
        ForeignKey("bulk_emails.id", ondelete="CASCADE"), primary_key=True
    )
    version: Mapped[int] = mapped_column(BigId)
    took: Mapped[int]
    computed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    data: Mapped[dict] = mapped_column(Json)
