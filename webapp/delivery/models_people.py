"""Everybody a workspace ever wrote to, one row for each address: it carries the search's index."""

from sqlalchemy import DDL, ForeignKey, Index, String, Text, UniqueConstraint, event
from sqlalchemy.orm import Mapped, mapped_column

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


# any three letters find their rows: FTS5 with trigrams, or pg_trgm where it may be had (else a
# search reads all people)
_SQLITE = [
    "CREATE VIRTUAL TABLE IF NOT EXISTS {0}_search USING"
    " fts5(search, content='{0}', content_rowid='id', tokenize='trigram')",
    "CREATE TRIGGER IF NOT EXISTS {0}_search_insert AFTER INSERT ON {0}"
    " BEGIN INSERT INTO {0}_search(rowid, search) VALUES (new.id, new.search); END",
    "CREATE TRIGGER IF NOT EXISTS {0}_search_delete AFTER DELETE ON {0}"
    " BEGIN INSERT INTO {0}_search({0}_search, rowid, search)"
    " VALUES ('delete', old.id, old.search); END",
    "CREATE TRIGGER IF NOT EXISTS {0}_search_update AFTER UPDATE OF search ON {0}"
    " BEGIN INSERT INTO {0}_search({0}_search, rowid, search)"
    " VALUES ('delete', old.id, old.search);"
    " INSERT INTO {0}_search(rowid, search) VALUES (new.id, new.search); END",
]
_POSTGRESQL = [
    "DO $$ BEGIN CREATE EXTENSION IF NOT EXISTS pg_trgm;"
    " CREATE INDEX IF NOT EXISTS {0}_search ON {0} USING gin (search gin_trgm_ops);"
    " EXCEPTION WHEN insufficient_privilege OR undefined_file OR feature_not_supported"
    " OR undefined_object THEN"
    " RAISE WARNING 'pg_trgm cannot be had: looking for people reads all of them'; END $$"
]


def statements(dialect_name: str, table: str = Person.__tablename__) -> list[str]:
    """The DDL for a database, for migrations."""
    templates = _POSTGRESQL if dialect_name == "postgresql" else _SQLITE
    return [template.format(table) for template in templates]


for _model in (Person, OtherName):
    for _dialect in ("sqlite", "postgresql"):
        for _statement in statements(_dialect, _model.__tablename__):
            event.listen(
                _model.__table__,
                "after_create",
                DDL(_statement.replace("%", "%%")).execute_if(dialect=_dialect),
            )
