"""Opens and clicks: where the links of an email lead, and who it was that followed them."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.columns import BigId, UtcDateTime
from webapp.extensions import db


class FollowedLink(db.Model):
    """A link of an email whose clicks are counted, as it was written at the start. The address in
    the mail holds its number and no target, so it leads nowhere else."""

    __tablename__ = "followed_links"

    bulk_email_id: Mapped[int] = mapped_column(
        ForeignKey("bulk_emails.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    target: Mapped[str] = mapped_column(Text)  # Liquid of the copy's frozen values
    words: Mapped[str] = mapped_column(String(200), default="")


class Attention(db.Model):
    """Who opened one copy and who clicked in it, as mail.attention judges all its Events under
    `rules`, their mark then (locating.rules): "human", "machine" or "" for nobody, each with the
    evidence. Made of Events alone, so it can be made anew."""

    __tablename__ = "attentions"
    __table_args__ = (
        # who did it, in the order of their copies
        Index(None, "bulk_email_id", "opened_by", "recipient_id"),
        Index(None, "bulk_email_id", "clicked_by", "recipient_id"),
        Index(None, "rules"),
    )

    # of a Recipient, without a foreign key, as Event
    recipient_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    bulk_email_id: Mapped[int] = mapped_column(ForeignKey("bulk_emails.id", ondelete="CASCADE"))
    opened_by: Mapped[str] = mapped_column(String(10), default="")
    opened_why: Mapped[str] = mapped_column(String(20), default="")
    clicked_by: Mapped[str] = mapped_column(String(10), default="")
    clicked_why: Mapped[str] = mapped_column(String(20), default="")
    rules: Mapped[int]


class LinkClick(db.Model):
    """That a copy's link was followed, and whether any human did."""

    __tablename__ = "link_clicks"
    __table_args__ = (Index(None, "bulk_email_id", "number", "is_human", "recipient_id"),)

    recipient_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    bulk_email_id: Mapped[int] = mapped_column(ForeignKey("bulk_emails.id", ondelete="CASCADE"))
    is_human: Mapped[bool]


class DataCentre(db.Model):
    """Networks that the operator names under one name, one a line; `mark` is a checksum."""

    __tablename__ = "data_centres"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    networks: Mapped[str] = mapped_column(Text)
    size: Mapped[int]
    mark: Mapped[int]
    read_at: Mapped[datetime] = mapped_column(UtcDateTime)
