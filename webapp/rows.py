"""Many rows in one go: executemany on SQLite, one statement over unnest() on PostgreSQL.

SQLAlchemy's own way costs ten times as much for each row, and these run for every copy of an email.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Dialect, Table
from sqlalchemy.dialects import postgresql, sqlite

from webapp.extensions import db

Rows = Sequence[Sequence[Any]]


def insert_into(model: type[db.Model]) -> postgresql.Insert | sqlite.Insert:
    """An INSERT of the session's own database: the two write ON CONFLICT alike."""
    is_postgresql = db.session.get_bind().dialect.name == "postgresql"
    return postgresql.insert(model) if is_postgresql else sqlite.insert(model)


def update_each(connection: Connection, table: Table, columns: Sequence[str], rows: Rows) -> None:
    """Set `columns` of `table` row by row; the first of them is the primary key that is looked
    for. Rows in the order of their keys are locked in that order."""
    key, *others = columns
    if connection.dialect.name == "postgresql":
        pairs = ", ".join(f"{name} = v.{name}" for name in others)
        sql = (
            f"UPDATE {table.name} SET {pairs} FROM {{unnested}} WHERE {table.name}.{key} = v.{key}"
        )
    else:
        pairs = ", ".join(f"{name} = ?{position + 2}" for position, name in enumerate(others))
        sql = f"UPDATE {table.name} SET {pairs} WHERE {key} = ?1"
    _run(connection, table, columns, rows, sql)


def insert_each(connection: Connection, table: Table, columns: Sequence[str], rows: Rows) -> None:
    """Insert rows of `columns`; what has a default in Python must be among them. Values are
    hashable: no JSON."""
    names = ", ".join(columns)
    if connection.dialect.name == "postgresql":
        sql = f"INSERT INTO {table.name} ({names}) SELECT {names} FROM {{unnested}}"
    else:
        places = ", ".join("?" * len(columns))
        sql = f"INSERT INTO {table.name} ({names}) VALUES ({places})"
    _run(connection, table, columns, rows, sql)


def _run(
    connection: Connection, table: Table, columns: Sequence[str], rows: Rows, sql: str
) -> None:
    if not rows:
        return
    series = list(zip(*rows, strict=True))
    for position, name in enumerate(columns):
        if process := _processor(table.c[name].type, connection.dialect):
            made = {value: process(value) for value in set(series[position])}
            series[position] = tuple([made[value] for value in series[position]])
    if connection.dialect.name == "postgresql":
        types = [_array_type(table.c[name].type, connection.dialect) for name in columns]
        places = ", ".join(f"%s::{kind}" for kind in types)
        unnested = f"unnest({places}) AS v({', '.join(columns)})"
        parameters = tuple([list(values) for values in series])
        connection.exec_driver_sql(sql.format(unnested=unnested), parameters)
    else:
        connection.exec_driver_sql(sql, list(zip(*series, strict=True)))


@lru_cache(maxsize=256)
def _processor(kind: Any, dialect: Dialect) -> Callable[[Any], Any] | None:
    return kind.dialect_impl(dialect).bind_processor(dialect)


@lru_cache(maxsize=256)
def _array_type(kind: Any, dialect: Dialect) -> str:
    return kind.dialect_impl(dialect).compile(dialect) + "[]"
