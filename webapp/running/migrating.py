"""Brings the database to the shape that this version of the program knows."""

from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import column, inspect, select, table

from webapp.extensions import db
from webapp.settings import SettingError

FOLDER = Path(__file__).resolve().parents[1] / "migrations"


def upgrade(app: Flask) -> None:
    """Apply the migrations that are missing, in one transaction."""
    from alembic import command
    from alembic.util import CommandError

    with app.app_context():
        try:
            command.upgrade(config_of(app), "head")
        except CommandError as error:
            raise SettingError(
                f"The database was made by another version of Email Tracker ({error}): run that"
                " version, or restore a backup."
            ) from None
        finally:
            db.session.remove()


def is_current(app: Flask) -> bool:
    """Whether nothing is missing."""
    with app.app_context(), db.engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return False
        found = connection.scalar(
            select(column("version_num")).select_from(table("alembic_version"))
        )
        return found == newest()


def newest() -> str:
    """The last migration: their files are named and numbered in the order of the chain."""
    return max(path.name for path in (FOLDER / "versions").glob("[0-9]*.py")).split("_")[0][:4]


def config_of(app: Flask) -> Any:
    """Alembic's configuration. It is imported when it is needed, not before: a worker never does,
    and is 9 MB smaller for it."""
    from flask_migrate import Migrate

    if "migrate" not in app.extensions:
        Migrate(app, db, directory=str(FOLDER), render_as_batch=True, compare_type=True)
    return app.extensions["migrate"].migrate.get_config()
