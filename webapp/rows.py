"""Many rows in one go: executemany on SQLite, on PostgreSQL one statement over unnest(), or COPY.

SQLAlchemy's own way costs ten times as much for each row, and these run for every copy of an email.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain, islice
from typing import Any

import orjson
from sqlalchemy import JSON, Connection, Dialect, Table
from sqlalchemy.dialects import postgresql, sqlite

from webapp.columns import array
from webapp.extensions import db

Rows = Sequence[Sequence[Any]]
_BLOCKS = (128, 32, 8, 1)
_ESCAPED = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def insert_into(model: type[db.Model]) -> postgresql.Insert | sqlite.Insert:
    """An INSERT of the session's own database: the two write ON CONFLICT alike."""
    is_postgresql = db.session.get_bind().dialect.name == "postgresql"
    return postgresql.insert(model) if is_postgresql else sqlite.insert(model)


def update_each(
    connection: Connection, table: Table, columns: Sequence[str], rows: Rows, **how: str
) -> None:
    """Set `columns` of `table` row by row; the first of them is the primary key that is looked
    for. Rows in the order of their keys are locked in that order. A column becomes the row's value,
    or what `how` says of it in SQL, with {} for the value: opens="opens + {}"."""
    if not rows:
        return
    key, *others = columns
    changes = dict.fromkeys(others, "{}") | how
    sql = _update_sql(
        connection, table, (key,), changes, is_at_once=connection.dialect.name == "postgresql"
    )
    _run(connection, table, columns, rows, sql)


def update_matching(
    connection: Connection,
    table: Table,
    match: Sequence[str],
    changes: Mapping[str, str],
    rows: Rows,
    *,
    where: str,
) -> set[Any]:
    """Change the rows that are still as expected; the keys of those that were.

    `match` are the columns that must be equal, the primary key first; `changes` are SQL by column,
    with {} for the row's own value, or {name} for that of another column that has one:
    {"changed_at": "{}", "sent_at": "coalesce(sent_at, {changed_at})", "tries": "tries + 1"}.
    Each of `rows` has the values for `match`, then one for each {}.
    """
    if not rows:
        return set()
    columns = [*match, *(name for name, sql in changes.items() if "{}" in sql)]
    sql = _update_sql(connection, table, match, changes, is_at_once=True)
    sql += f" AND {where} RETURNING {table.name}.{match[0]}"
    return {key for (key,) in _run_at_once(connection, table, columns, rows, sql)}


def insert_each(
    connection: Connection, table: Table, columns: Sequence[str], rows: Rows, otherwise: str = ""
) -> None:
    """Insert rows of `columns`; what has a default in Python must be among them. `otherwise` is
    SQL: ON CONFLICT …"""
    if rows:
        sql = f"{_insert_sql(connection, table, columns)} {otherwise}"
        _run(connection, table, columns, rows, sql)


def insert_at_once(
    connection: Connection, table: Table, columns: Sequence[str], rows: Rows
) -> None:
    """As insert_each, in few statements on SQLite too."""
    if rows:
        sql = f"INSERT INTO {table.name} ({', '.join(columns)}) SELECT * FROM {{source}}"
        _run_at_once(connection, table, columns, rows, sql)


def insert_new(
    connection: Connection, table: Table, columns: Sequence[str], rows: Rows, unique: int
) -> set[tuple[int, ...]]:
    """Insert those of `rows` whose first `unique` columns, whole numbers, `table` does not hold
    yet; these numbers of those that were inserted. The columns are those of a unique index, and
    the caller has locked what they speak of: ON CONFLICT would write a third more."""
    keys = [row[:unique] for row in rows]
    known = _present(connection, table, columns[:unique], keys)
    new = [row for row in rows if row[:unique] not in known] if known else rows
    if connection.dialect.name == "postgresql":
        _copy(connection, table, columns, new)
    else:
        insert_each(connection, table, columns, new)
    return set(keys) - known


def _present(
    connection: Connection, table: Table, columns: Sequence[str], keys: Rows
) -> set[tuple[int, ...]]:
    """Those of `keys` that `table` holds: each is looked up in the index."""
    if not keys:
        return set()
    names = ", ".join(f"{table.name}.{name}" for name in columns)
    if connection.dialect.name == "postgresql":
        equal = [f"{table.name}.{name} = v.c{n}" for n, name in enumerate(columns, start=1)]
        source = f"{_unnested(connection, table, columns)} JOIN {table.name}"
        parameters = tuple([array(values) for values in zip(*keys, strict=True)])
    else:
        equal = [
            f"{table.name}.{name} = json_extract(v.value, '$[{n}]')"
            for n, name in enumerate(columns)
        ]
        source = f"json_each(?) AS v CROSS JOIN {table.name}"
        parameters = (json.dumps(keys),)
    found = connection.exec_driver_sql(
        f"SELECT {names} FROM {source} ON {' AND '.join(equal)}", parameters
    )
    return {tuple(row) for row in found}


def _copy(connection: Connection, table: Table, columns: Sequence[str], rows: Rows) -> None:
    """PostgreSQL's quickest way in: it plans nothing, writes many rows at once into a page, and is
    at work while we still write the next. Errors are the driver's own."""
    if not rows:
        return
    fields = map(_fields, _processed(connection, table, columns, rows))
    lines = map("\t".join, zip(*fields, strict=True))
    sql = f"COPY {table.name} ({', '.join(columns)}) FROM STDIN"
    with connection.connection.driver_connection.cursor() as cursor, cursor.copy(sql) as copy:
        while some := "\n".join(islice(lines, 500)):
            copy.write(some + "\n")


def _insert_sql(connection: Connection, table: Table, columns: Sequence[str]) -> str:
    names = ", ".join(columns)
    if connection.dialect.name == "postgresql":
        return f"INSERT INTO {table.name} ({names}) SELECT * FROM {{source}}"
    return f"INSERT INTO {table.name} ({names}) VALUES ({', '.join('?' * len(columns))})"


def _update_sql(
    connection: Connection,
    table: Table,
    match: Sequence[str],
    changes: Mapping[str, str],
    *,
    is_at_once: bool,
) -> str:
    place = "v.c{}".format if is_at_once else "?{}".format
    own = [name for name, sql in changes.items() if "{}" in sql]
    places = {name: place(n) for n, name in enumerate(own, start=len(match) + 1)}
    pairs = [f"{name} = {sql.format(places.get(name), **places)}" for name, sql in changes.items()]
    conditions = [f"{table.name}.{name} = {place(n)}" for n, name in enumerate(match, start=1)]
    source = " FROM {source}" if is_at_once else ""
    return f"UPDATE {table.name} SET {', '.join(pairs)}{source} WHERE {' AND '.join(conditions)}"


def _run(
    connection: Connection, table: Table, columns: Sequence[str], rows: Rows, sql: str
) -> None:
    if connection.dialect.name == "postgresql":
        _run_at_once(connection, table, columns, rows, sql)
        return
    series = _processed(connection, table, columns, rows)
    connection.exec_driver_sql(sql, list(zip(*series, strict=True)))


def _run_at_once(
    connection: Connection, table: Table, columns: Sequence[str], rows: Rows, sql: str
) -> Sequence[Any]:
    """`sql` over all rows as {source}, v (c1, c2, …): other threads go on meanwhile. The driver of
    SQLite lets them in, and waits for its turn again, for every single statement."""
    series = _processed(connection, table, columns, rows)
    if connection.dialect.name == "postgresql":
        source = _unnested(connection, table, columns)
        blocks = [(source, tuple([array(values) for values in series]))]
    else:
        blocks = _blocks(list(zip(*series, strict=True)))
    found: list[Any] = []
    for source, parameters in blocks:
        done = connection.exec_driver_sql(sql.format(source=source), parameters)
        found += done.all() if done.returns_rows else ()
    return found


def _blocks(rows: Rows) -> Iterator[tuple[str, tuple]]:
    """(source, its parameters) of few sizes, so that SQLite need not compile a statement for every
    number of rows."""
    first = 0
    for size in _BLOCKS:
        while len(rows) - first >= size:
            block = rows[first : first + size]
            yield _values(len(block[0]), size), tuple(chain.from_iterable(block))
            first += size


@lru_cache(maxsize=64)
def _values(width: int, size: int) -> str:
    names = ", ".join(f"c{number}" for number in range(1, width + 1))
    row = f"({', '.join('?' * width)})"
    return f"(WITH v({names}) AS (VALUES {', '.join([row] * size)}) SELECT * FROM v) AS v"


def _unnested(connection: Connection, table: Table, columns: Sequence[str]) -> str:
    """Rows `v` (c1, c2, …) out of as many arrays as there are columns."""
    kinds = [_array_type(table.c[name].type, connection.dialect) for name in columns]
    places = ", ".join(f"%s::{kind}" for kind in kinds)
    names = ", ".join(f"c{number + 1}" for number in range(len(columns)))
    return f"unnest({places}) AS v({names})"


def _fields(values: Sequence[Any]) -> Iterable[str]:
    """`values` as COPY reads them (PostgreSQL's manual, COPY, "Text Format")."""
    kinds = set(map(type, values))
    if kinds == {int}:
        return map(str, values)
    if kinds == {str} and (whole := "".join(values)).isprintable() and "\\" not in whole:
        return values
    made = {value: _field(value) for value in set(values)}
    return [made[value] for value in values]


def _field(value: Any) -> str:
    return "\\N" if value is None else str(value).translate(_ESCAPED)


def _processed(
    connection: Connection, table: Table, columns: Sequence[str], rows: Rows
) -> list[Sequence[Any]]:
    """The values of each column as the driver wants them; equal ones are made once."""
    series: list[Sequence[Any]] = list(zip(*rows, strict=True))
    for position, name in enumerate(columns):
        values, kind = series[position], table.c[name].type
        if isinstance(kind, JSON):
            series[position] = [_as_json(value) for value in values]
        elif process := _processor(kind, connection.dialect):
            made = {value: process(value) for value in set(values)}
            series[position] = [made[value] for value in values]
    return series


def _as_json(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # half a surrogate, or a number of more than 64 bits
        return json.dumps(value)


@lru_cache(maxsize=256)
def _processor(kind: Any, dialect: Dialect) -> Callable[[Any], Any] | None:
    return kind.dialect_impl(dialect).bind_processor(dialect)


@lru_cache(maxsize=256)
def _array_type(kind: Any, dialect: Dialect) -> str:
    array = kind.dialect_impl(dialect).compile(dialect) + "[]"
    return f"TEXT[]::{array}" if isinstance(kind, JSON) else array
