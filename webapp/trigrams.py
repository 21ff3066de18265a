"""Tables whose rows are found by any three letters of their column `search`: by an FTS5 table with
trigrams on SQLite, by pg_trgm on PostgreSQL where it may be had (else a search reads all rows)."""

import re
from collections.abc import Sequence

from sqlalchemy import (
    DDL,
    ColumnElement,
    Select,
    Text,
    bindparam,
    column,
    event,
    literal_column,
    table,
)

from webapp.extensions import db

GRAM = 3  # a shorter word has no trigram
_KNOWN = re.compile(r"[^\W_]{3}")  # what both databases make trigrams of
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


def index_with(model: type[db.Model]) -> None:
    """Whoever makes the table of `model` makes its index, too."""
    for dialect in ("sqlite", "postgresql"):
        for statement in statements(dialect, model.__tablename__):
            made = DDL(statement.replace("%", "%%")).execute_if(dialect=dialect)
            event.listen(model.__table__, "after_create", made)


def statements(dialect_name: str, table: str) -> list[str]:
    """The DDL for a database, for migrations."""
    templates = _POSTGRESQL if dialect_name == "postgresql" else _SQLITE
    return [template.format(table) for template in templates]


def know(words: Sequence[str]) -> bool:
    """Whether the index can tell the rows that have all of these words in them."""
    return any(_KNOWN.search(word) for word in words)


def with_words(
    statement: Select,
    model: type[db.Model],
    words: Sequence[str],
    of: tuple[ColumnElement[int], int] | None = None,
) -> Select:
    """`statement` over `model`, for the rows in which every word occurs; `of` (a column, the value
    it has) leaves out those of others."""
    is_sqlite = db.session.get_bind().dialect.name == "sqlite"
    grams = _grams(words) if is_sqlite else []
    others = [_contains(model.search, word) for word in words]
    if of is not None:
        # + 0 keeps SQLite from going through all that are of the same: the index of the words
        # shall lead, row by row, until there are enough
        others.append((of[0] + 0 if grams else of[0]) == of[1])
    if not grams:
        return statement.where(*others)
    match = " AND ".join('"' + gram.replace('"', '""') + '"' for gram in grams)
    name = f"{model.__tablename__}_search"
    index = table(name, column("rowid"))
    return statement.join(index, index.c.rowid == model.id).where(
        literal_column(name).op("MATCH")(match), *others
    )


def _grams(words: Sequence[str]) -> list[str]:
    """Every other one: a whole word as a phrase is more work, and the few rows that have the grams,
    but not the word, are looked at."""
    found: dict[str, None] = {}
    for word in words:
        last = len(word) - GRAM
        places = [*range(0, last, 2), last] if last >= 0 else []
        found |= dict.fromkeys(word[place : place + GRAM] for place in places)
    return list(found)


def _contains(text: ColumnElement[str], part: str) -> ColumnElement[bool]:
    """The pattern stands in the statement itself: prepared, PostgreSQL would plan for any pattern,
    and not use the index."""
    escaped = "".join("\\" + letter if letter in "\\%_" else letter for letter in part)
    pattern = bindparam(None, f"%{escaped}%", type_=Text(), literal_execute=True)
    return text.like(pattern, escape="\\")
