"""The chain of migrations ends where the models are, on the database that the tests run on."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import NullPool, create_engine, make_url, text

from webapp import create_app, settings
from webapp.extensions import db
from webapp.running import migrating

TRIGGERS = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger' ORDER BY name",
    "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY tgname",
}


@pytest.fixture
def empty_app(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Flask]:
    """An app on a database without tables (and on the tests' Redis: the rate limiter, one for the
    process, counts in that of the app made last)."""
    url = make_url(database_url)
    if url.drivername.startswith("sqlite"):
        url = url.set(database=str(tmp_path / "empty.db"))
    else:
        name = f"{url.database}_empty"
        server = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with server.connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name}"))
            connection.execute(text(f"CREATE DATABASE {name}"))
        url = url.set(database=name)
    values = {"SECRET_KEY": "a secret", "DATA_DIR": str(tmp_path), "REDIS_URL": redis_url}
    values["DATABASE_URL"] = url.render_as_string(hide_password=False)
    app = create_app(settings.read(values))
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def triggers(app: Flask) -> list[str]:
    with app.app_context(), db.engine.connect() as connection:
        return list(connection.scalars(text(TRIGGERS[connection.dialect.name])))


def is_a_model_s(row, name, kind, reflected, compared) -> bool:
    """Indexes of trigrams are made by hand, and keep tables of their own in SQLite."""
    made = ("people_search", "other_names_search", "record_texts_search")
    return not (name or "").startswith(made)


@pytest.mark.database
def test_migrating_an_empty_database_makes_what_the_models_say(empty_app: Flask):
    migrating.upgrade(empty_app)

    with empty_app.app_context(), db.engine.connect() as connection:
        opts = {"compare_type": True, "include_object": is_a_model_s}
        context = MigrationContext.configure(connection, opts=opts)
        assert compare_metadata(context, db.metadata) == []


@pytest.mark.database
def test_migrating_makes_the_same_triggers_as_the_models(app: Flask, empty_app: Flask):
    migrating.upgrade(empty_app)
    assert triggers(empty_app) == triggers(app)


@pytest.mark.skipif(not os.environ.get("TEST_DATABASE_URL"), reason="SQLite compresses nothing")
@pytest.mark.database
def test_what_providers_post_is_compressed_by_the_quickest_way_there_is(empty_app: Flask):
    migrating.upgrade(empty_app)
    known = "SELECT enumvals FROM pg_settings WHERE name = 'default_toast_compression'"
    used = (
        "SELECT attcompression FROM pg_attribute"
        " WHERE attrelid = 'arrivals'::regclass AND attname = 'body'"
    )
    with empty_app.app_context(), db.engine.connect() as connection:
        has_lz4 = "lz4" in (connection.scalar(text(known)) or [])
        assert connection.scalar(text(used)) == ("l" if has_lz4 else "")


@pytest.mark.database
def test_migrating_again_changes_nothing(empty_app: Flask):
    assert not migrating.is_current(empty_app)
    migrating.upgrade(empty_app)
    migrating.upgrade(empty_app)
    assert migrating.is_current(empty_app)


@pytest.mark.database
def test_a_database_of_a_newer_version_is_refused_with_a_sentence(empty_app: Flask):
    migrating.upgrade(empty_app)
    with empty_app.app_context(), db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(settings.SettingError, match="made by another version"):
        migrating.upgrade(empty_app)


def test_the_newest_migration_is_told_by_its_file_s_name(empty_app: Flask):
    script = ScriptDirectory.from_config(_config(empty_app))

    assert script.get_current_head() == migrating.newest()
    assert script.get_heads() == [migrating.newest()]


def _config(app: Flask):
    with app.app_context():
        return migrating.config_of(app)
