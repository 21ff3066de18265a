"""Everybody a workspace ever wrote to, one row for each address: it carries the search's index."""

from sqlalchemy import DDL, ForeignKey, String, Text, UniqueConstraint, event
from sqlalchemy.orm import Mapped, mapped_column

from webapp.columns import BigId
from webapp.extensions import db


class Person(db.Model):
    """An address and the name it was last written to with; `search` is both in lower case."""

    __tablename__ = "people"
    __table_args__ = (UniqueConstraint("workspace_id", "address_key"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    address_key: Mapped[str] = mapped_column(String(320))
    address: Mapped[str] = mapped_column(String(320))
    name: Mapped[str] = mapped_column(String(300), default="")
    search: Mapped[str] = mapped_column(Text, default="")


# any three letters find their rows: FTS5 with trigrams, or pg_trgm where it may be had (else a
# search reads all people)
_SQLITE = [
    "CREATE VIRTUAL TABLE IF NOT EXISTS people_search USING"
    " fts5(search, content='people', content_rowid='id', tokenize='trigram')",
    "CREATE TRIGGER IF NOT EXISTS people_search_insert AFTER INSERT ON people"
    " BEGIN INSERT INTO people_search(rowid, search) VALUES (new.id, new.search); END",
    "CREATE TRIGGER IF NOT EXISTS people_search_delete AFTER DELETE ON people"
    " BEGIN INSERT INTO people_search(people_search, rowid, search)"
    " VALUES ('delete', old.id, old.search); END",
    "CREATE TRIGGER IF NOT EXISTS people_search_update AFTER UPDATE OF search ON people"
    " BEGIN INSERT INTO people_search(people_search, rowid, search)"
    " VALUES ('delete', old.id, old.search);"
    " INSERT INTO people_search(rowid, search) VALUES (new.id, new.search); END",
]
_POSTGRESQL = [
    "DO $$ BEGIN CREATE EXTENSION IF NOT EXISTS pg_trgm;"
    " CREATE INDEX IF NOT EXISTS people_search ON people USING gin (search gin_trgm_ops);"
    " EXCEPTION WHEN insufficient_privilege OR undefined_file OR feature_not_supported"
    " OR undefined_object THEN"
    " RAISE WARNING 'pg_trgm cannot be had: looking for people reads all of them'; END $$"
]


def statements(dialect_name: str) -> list[str]:
    """The DDL for a database, for migrations."""
    return _POSTGRESQL if dialect_name == "postgresql" else _SQLITE


for _dialect in ("sqlite", "postgresql"):
    for _statement in statements(_dialect):
        event.listen(
            Person.__table__,
            "after_create",
            DDL(_statement.replace("%", "%%")).execute_if(dialect=_dialect),
        )
