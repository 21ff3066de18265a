"""`make chaos`: every fault on SQLite and on PostgreSQL; SHORT=1 is what CI has the time for.

PostgreSQL is the server of TEST_DATABASE_URL, or one that is started here. Each test tells what it
found, which is printed as a JSON line.
"""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tests.chaos.harness import Scene, scene
from tests.chaos.judging import Finding
from tests.chaos.services import own_postgres, postgres_binaries
from webapp import settings

SHORT = os.environ.get("SHORT", "") not in ("", "0")
FOUND = "finding"


def of(short: int, long: int) -> int:
    """How often, or how many: in CI, and in full."""
    return short if SHORT else long


only_long = pytest.mark.skipif(SHORT, reason="not in the short run")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Where the results come together, also with several processes."""
    if "tests/chaos" not in report.nodeid or report.when != "call":
        return
    lines = [value for name, value in report.user_properties if name == FOUND]
    if report.failed and not any('"ok": false' in line for line in lines):
        lines.append(json.dumps({"fault": report.nodeid.split("::")[-1], "ok": False}))
    for line in lines:
        print(line, flush=True)


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """No dots between the JSON lines."""
    if "tests/chaos" not in report.nodeid:
        return None
    is_counted = report.when == "call" or not report.passed
    return (report.outcome if is_counted else "", "", "")


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path_factory) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('chaos') / 'chaos.db'}"
    elif server := os.environ.get("TEST_DATABASE_URL"):
        yield _new_database(server)
    else:
        need_postgres()
        with own_postgres() as server:
            yield settings.read({"DATABASE_URL": server.url, "SECRET_KEY": "x"}).database_url


def need_postgres() -> None:
    """A host without PostgreSQL skips what needs it; CI has it."""
    if postgres_binaries() is None and not os.environ.get("CI"):
        pytest.skip("there is no PostgreSQL on this host")


@pytest.fixture
def make_stage(
    database_url: str, redis_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Callable[..., Scene]:
    """`with make_stage(script, max_connections=…) as stage`."""
    told = Telling(request.node)
    return lambda script=None, **values: scene(
        values.pop("database_url", database_url),
        values.pop("redis_url", redis_url),
        tmp_path,
        told,
        script,
        **values,
    )


@pytest.fixture
def stage(make_stage: Callable[..., Scene]) -> Iterator[Scene]:
    with make_stage() as made:
        yield made


class Telling(list):
    """Findings, told to the report of a test as they come."""

    def __init__(self, node: pytest.Item) -> None:
        super().__init__()
        self.node = node

    def append(self, finding: Finding) -> None:
        super().append(finding)
        self.node.user_properties.append((FOUND, finding.line()))


def _new_database(server: str) -> str:
    name = f"email_tracker_chaos_{os.getpid()}"
    url = settings.read({"DATABASE_URL": server, "SECRET_KEY": "x"}).database_url
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name}"))
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return url.rsplit("/", 1)[0] + "/" + name
