"""`python -m tests.chaos.worker`: the real worker, but it can be made to die at a point, its clock
ticks quickly, and `clock-shift` in DATA_DIR (seconds) moves the time it sees."""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flask import Flask
from sqlalchemy import event

from tests.chaos import points
from webapp import create_app
from webapp.extensions import db
from webapp.lib import clock
from webapp.queue import Lane
from webapp.running import clocking, logs, working

SHIFT = "clock-shift"


def main() -> None:
    logs.configure()
    app = create_app()
    clocking.TICK_SECONDS, clocking.LEASE_SECONDS = 0.25, 2.0
    with app.app_context():
        engine = db.engine
        points.install(engine, points.striker(app.extensions["redis"], engine.dialect.name))
        _shift_clocks(app)
        engine.dispose()  # before forking: the children open their own
    working.run(app, [Lane.SENDING])


def _shift_clocks(app: Flask) -> None:
    """The host's clock, which on SQLite is the database's clock as well."""
    path: Path = app.config["SETTINGS"].data_dir / SHIFT

    def now() -> datetime:
        seconds = float(path.read_text()) if path.exists() else 0
        return datetime.now(UTC) + timedelta(seconds=seconds)

    def strftime(format: str, when: str, moved: str) -> str:
        """SQLite's own for the only form the program uses: 'now' moved by some seconds."""
        found = now() + timedelta(seconds=float(moved.split()[0]))
        assert (format, when) == ("%Y-%m-%d %H:%M:%f", "now")
        return f"{found:%Y-%m-%d %H:%M:%S}.{found.microsecond // 1000:03d}"

    clock.now = now

    @event.listens_for(db.engine, "connect")
    def replace(connection, record) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.create_function("strftime", 3, strftime)


if __name__ == "__main__":
    main()
