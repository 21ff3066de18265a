"""How mail that comes back to a Connection's return path reaches us."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, backref, mapped_column, relationship

from webapp.columns import Encrypted, UtcDateTime
from webapp.delivery.models import Connection, Security
from webapp.extensions import db


class MailboxKind(StrEnum):
    NONE = "none"  # mails are handed to our receiver
    IMAP = "imap"
    POP = "pop"


class ReturnWay(db.Model):
    """A Connection's bounce address, and the mailbox behind it that is looked into.

    `address` is the return path's (bounces@x.org; every copy adds its token). The mailbox keeps
    what was taken out of it in `done_folder` (IMAP), or nowhere.
    """

    __tablename__ = "return_ways"

    connection_id: Mapped[int] = mapped_column(
        ForeignKey("connections.id", ondelete="CASCADE"), primary_key=True
    )
    address: Mapped[str] = mapped_column(String(254), default="", index=True)
    kind: Mapped[str] = mapped_column(String(4), default=MailboxKind.NONE)
    host: Mapped[str] = mapped_column(String(255), default="")
    port: Mapped[int] = mapped_column(default=993)
    security: Mapped[str] = mapped_column(String(10), default=Security.TLS)
    username: Mapped[str] = mapped_column(String(255), default="")
    password: Mapped[str | None] = mapped_column(Encrypted)
    folder: Mapped[str] = mapped_column(String(200), default="INBOX")
    done_folder: Mapped[str] = mapped_column(String(200), default="")
    next_look_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    looked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # the last one that went well
    error: Mapped[str] = mapped_column(String(300), default="")
    failures: Mapped[int] = mapped_column(default=0)
    taken: Mapped[int] = mapped_column(default=0)  # mails, in all

    connection: Mapped[Connection] = relationship(
        backref=backref("return_way", uselist=False, passive_deletes="all")
    )
