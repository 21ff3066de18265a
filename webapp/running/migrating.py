"""Brings the database to the shape that this version of the program knows."""

from alembic import command
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from flask import Flask

from webapp.extensions import db
from webapp.settings import SettingError


def upgrade(app: Flask) -> None:
    """Apply the migrations that are missing, in one transaction."""
    with app.app_context():
        config = app.extensions["migrate"].migrate.get_config()
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise SettingError(
                f"The database was made by another version of Email Tracker ({error}): run that"
                " version, or restore a backup."
            ) from None
        finally:
            db.session.remove()


def is_current(app: Flask) -> bool:
    """Whether nothing is missing."""
    with app.app_context():
        config = app.extensions["migrate"].migrate.get_config()
        newest = ScriptDirectory.from_config(config).get_current_head()
        with db.engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision() == newest
