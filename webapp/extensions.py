"""The extensions of Flask: created here, bound to an app in create_app()."""

import contextlib
import sqlite3
from collections.abc import Iterator
from contextvars import ContextVar
from urllib.parse import urlsplit

from flask import current_app, g, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_sqlalchemy import SQLAlchemy
from flask_wtf.csrf import CSRFError, CSRFProtect
from htmx_flask import Htmx
from sqlalchemy import Engine, MetaData, event
from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    """The base of every model. Constraints have names, because SQLite migrations need them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class OwnPagesOnly(CSRFProtect):
    """The token, and the browser's word: no foreign page posts here, whatever it knows."""

    def protect(self, apply_exemptions: bool = False) -> None:
        super().protect(apply_exemptions)
        origin = request.headers.get("Origin")
        ours = (request.host, urlsplit(current_app.config["SETTINGS"].base_url).netloc)
        if g.get("csrf_valid") and origin and urlsplit(origin).netloc not in ours:
            raise CSRFError("The request comes from another site.")


db = SQLAlchemy(model_class=Base)
csrf = OwnPagesOnly()
htmx = Htmx()
limiter = Limiter(key_func=get_remote_address)

_only_reading: ContextVar[bool] = ContextVar("only_reading", default=False)


@contextlib.contextmanager
def reading() -> Iterator[None]:
    """Transactions begun inside only read: on SQLite they do not take the writer's lock."""
    token = _only_reading.set(True)
    try:
        yield
    finally:
        _only_reading.reset(token)


def begin_to_write() -> None:
    """Inside reading(): from here on the transaction writes. On SQLite it is begun anew with the
    writer's lock, so what was read may have changed; PostgreSQL's goes on, and keeps what it has
    locked."""
    if _only_reading.get() and db.session.get_bind().dialect.name == "sqlite":
        db.session.rollback()
    _only_reading.set(False)


def mark_reading(value: bool) -> None:
    """Say for the rest of this context whether transactions only read (safe HTTP methods do)."""
    _only_reading.set(value)


_PRAGMAS = (
    *("journal_mode=wal", "synchronous=full", "foreign_keys=on", "busy_timeout=30000"),
    # what thousands of copies touch in one transaction: a page that does not fit is written and
    # read again, and one that was copied out of the log soon is copied again (pages of 4 KB)
    *("cache_size=-8000", "wal_autocheckpoint=4000"),
)


@event.listens_for(Engine, "connect")
def _set_up(connection, record) -> None:
    if isinstance(connection, sqlite3.Connection):
        _set_up_sqlite(connection)
    else:  # psycopg's, of which an installation on SQLite loads nothing
        # no compiling of statements: for ours it takes seconds where running them takes
        # milliseconds, and begins as soon as a table is large
        connection.execute("SET jit = off")
        connection.commit()


def _set_up_sqlite(connection: sqlite3.Connection) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, see below
    for pragma in _PRAGMAS:
        connection.execute(f"pragma {pragma}")
    connection.create_function("fold", 1, _fold, deterministic=True)


def _fold(value: object) -> str | None:
    return None if value is None else str(value).lower()


@event.listens_for(Engine, "begin")
def _begin_sqlite(connection) -> None:
    """A transaction that may write takes the lock at once: WAL refuses a late upgrade."""
    if connection.dialect.name == "sqlite":
        begin = "BEGIN" if _only_reading.get() else "BEGIN IMMEDIATE"
        connection.exec_driver_sql(begin)
