"""Everybody a workspace ever wrote to, one row for each address: it carries the search's index."""

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from webapp import trigrams
from webapp.columns import BigId
from webapp.extensions import db


class Person(db.Model):
    """An address and the name it was last written to with; `search` is both in lower case, `domain`
    what stands after the @."""

    __tablename__ = "people"
    __table_args__ = (
        UniqueConstraint("workspace_id", "address_key"),
        Index(None, "workspace_id", "domain", "address_key"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    address_key: Mapped[str] = mapped_column(String(320))
    domain: Mapped[str] = mapped_column(String(320), default="")
    address: Mapped[str] = mapped_column(String(320))
    name: Mapped[str] = mapped_column(String(300), default="")
    search: Mapped[str] = mapped_column(Text, default="")


class OtherName(db.Model):
    """What stands on copies and in no Person's `search`: an earlier name of an address, another
    one of the same email, or that of a record without an address (`record_id` instead of a key)."""

    __tablename__ = "other_names"
    __table_args__ = (Index(None, "workspace_id", "address_key", "record_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    address_key: Mapped[str | None] = mapped_column(String(320))
    record_id: Mapped[int | None] = mapped_column(BigId)
    search: Mapped[str] = mapped_column(Text)


for _model in (Person, OtherName):
    trigrams.index_with(_model)
