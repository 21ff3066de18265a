"""Column types and SQL expressions that mean the same on SQLite and PostgreSQL."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from flask import current_app
from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    DateTime,
    Integer,
    LargeBinary,
    Text,
    literal,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import FunctionElement
from sqlalchemy.types import JSON, TypeDecorator, TypeEngine

# SQLite counts only INTEGER PRIMARY KEY by itself; PostgreSQL wants 64 bits.
BigId = BigInteger().with_variant(Integer(), "sqlite")
Json = JSON().with_variant(JSONB(), "postgresql")


class UtcDateTime(TypeDecorator):
    """An aware datetime, always UTC; naive values are refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def bind_processor(self, dialect) -> Callable[[datetime | None], object]:
        """On SQLite a text like SQLAlchemy's own, made in a tenth of its time."""
        is_text = dialect.name == "sqlite"

        def process(value: datetime | None) -> object:
            if value is None:
                return None
            if value.tzinfo is None:
                raise ValueError("a naive datetime has no place in the database")
            value = value.astimezone(UTC)
            return value.isoformat(" ", "microseconds")[:26] if is_text else value

        return process

    def process_result_value(self, value: datetime | None, dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Encrypted(TypeDecorator):
    """A text kept encrypted (Fernet; the first of the app's keys writes, all of them read)."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect) -> bytes | None:
        return None if value is None else _fernet().encrypt(value.encode())

    def process_result_value(self, value: bytes | None, dialect) -> str | None:
        if value is None:
            return None
        try:
            return _fernet().decrypt(bytes(value)).decode()
        except InvalidToken:
            raise RuntimeError(
                "A stored secret cannot be decrypted: SECRET_KEY or ENCRYPTION_KEYS has changed."
            ) from None


def _fernet() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in current_app.config["FERNET_KEYS"]])


class Ids(TypeDecorator):
    """Whole numbers as one parameter, for is_among(); never a column."""

    impl = JSON
    cache_ok = True
    item: type[TypeEngine] = BigInteger

    def load_dialect_impl(self, dialect):
        is_postgresql = dialect.name == "postgresql"
        return dialect.type_descriptor(ARRAY(self.item) if is_postgresql else JSON())

    def bind_processor(self, dialect) -> Callable[[Sequence[Any]], str]:
        return array if dialect.name == "postgresql" else dump_json


class Texts(Ids):
    """The same for texts."""

    cache_ok = True
    item = Text


class is_among(FunctionElement):
    """is_among(column, bindparam("ids", type_=Ids)): IN with one parameter, however many ids there
    are. SQLAlchemy looks at each of those of its own IN, every time. (Without a type: of a boolean
    SQLAlchemy would write "= 1" after it for SQLite, which then uses no index.)"""

    inherit_cache = True


@compiles(is_among, "sqlite")
def _sqlite_is_among(element, compiler, **kw) -> str:
    column, ids = [compiler.process(clause, **kw) for clause in element.clauses]
    return f"{column} IN (SELECT value FROM json_each({ids}))"


@compiles(is_among, "postgresql")
def _postgresql_is_among(element, compiler, **kw) -> str:
    column, ids = [compiler.process(clause, **kw) for clause in element.clauses]
    return f"{column} = ANY({ids})"


class database_now(FunctionElement):
    """The database's clock, moved by some seconds: database_now(120) is two minutes from now.
    `seconds` may be a bindparam of a statement that is built once."""

    type = UtcDateTime()
    inherit_cache = True

    def __init__(self, seconds: float | BindParameter = 0):
        is_given = not isinstance(seconds, BindParameter)
        super().__init__(literal(float(seconds)) if is_given else seconds)


@compiles(database_now, "sqlite")
def _sqlite_now(element, compiler, **kw) -> str:
    seconds = compiler.process(element.clauses, **kw)
    # six digits after the dot, like every datetime SQLAlchemy writes, so that texts compare
    return f"(strftime('%Y-%m-%d %H:%M:%f', 'now', {seconds} || ' seconds') || '000')"


@compiles(database_now, "postgresql")
def _postgresql_now(element, compiler, **kw) -> str:
    seconds = compiler.process(element.clauses, **kw)
    return f"(clock_timestamp() + make_interval(secs => {seconds}))"


class folded(FunctionElement):
    """A text in lower case, of every script: SQLite's own lower() knows only ASCII."""

    type = Text()
    inherit_cache = True


@compiles(folded, "sqlite")
def _sqlite_folded(element, compiler, **kw) -> str:
    return f"fold({compiler.process(element.clauses, **kw)})"  # see extensions.py


@compiles(folded, "postgresql")
def _postgresql_folded(element, compiler, **kw) -> str:
    return f"lower({compiler.process(element.clauses, **kw)})"


class domain_part(FunctionElement):
    """What stands after the @ of an address; empty without one."""

    type = Text()
    inherit_cache = True


@compiles(domain_part, "sqlite")
def _sqlite_domain(element, compiler, **kw) -> str:
    address = compiler.process(element.clauses, **kw)
    return f"substr({address}, instr({address}, '@') + 1)"


@compiles(domain_part, "postgresql")
def _postgresql_domain(element, compiler, **kw) -> str:
    return f"split_part({compiler.process(element.clauses, **kw)}, '@', 2)"


def array(values: Sequence[Any]) -> str:
    """`values` as PostgreSQL writes an array (its manual, 8.15.2). The driver looks at each by
    itself, which costs more than what the database does with it."""
    if set(map(type, values)) == {int}:
        return "{" + ",".join(map(str, values)) + "}"
    made = {value: _element(value) for value in set(values)}
    return "{" + ",".join([made[value] for value in values]) + "}"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def dump_json(value: Any) -> str:
    """JSON for a statement written by hand (json_each, unnest)."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
