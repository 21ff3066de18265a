"""What was counted over all copies of a large email, kept until there is something newer."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
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


class WorkspaceInsight(db.Model):
    """Counts over the last emails of a workspace, as of a `version` of their tallies; `took` as
    above."""

    __tablename__ = "workspace_insights"

    workspace_id: Mapped[int] = mapped_column(
        ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True
    )
    version: Mapped[str] = mapped_column(String(60))
    took: Mapped[int]
    computed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    data: Mapped[dict] = mapped_column(Json)
