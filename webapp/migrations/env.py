"""Alembic's entry: one chain of migrations for SQLite and PostgreSQL, one transaction a run."""

from alembic import context
from flask import current_app
from sqlalchemy import JSON, text
from sqlalchemy.types import TypeDecorator

LOCK = 0x656D61696C  # any number of our own: two hosts that upgrade at once take turns


def render_type(kind: str, thing: object, autogen_context) -> str | bool:
    """Our own column types are written as what they are to the database."""
    if kind == "type" and isinstance(thing, TypeDecorator) and "webapp" in type(thing).__module__:
        return f"sa.{thing.impl!r}"
    if kind == "type" and isinstance(thing, JSON):
        autogen_context.imports.add("from sqlalchemy.dialects import postgresql")
        return 'sa.JSON().with_variant(postgresql.JSONB(), "postgresql")'
    return False


def run() -> None:
    migrate = current_app.extensions["migrate"]
    with migrate.db.engine.connect() as connection:
        is_sqlite = connection.dialect.name == "sqlite"
        if is_sqlite:
            # a table that is copied must not take with it what refers to it
            connection.connection.driver_connection.execute("pragma foreign_keys=off")
        context.configure(
            connection=connection,
            target_metadata=migrate.db.metadata,
            transactional_ddl=True,
            render_item=render_type,
            **migrate.configure_args,
        )
        with context.begin_transaction():
            if not is_sqlite:
                connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
            context.run_migrations()
        if is_sqlite:
            connection.connection.driver_connection.execute("pragma foreign_keys=on")


run()
