"""What must be right before anything starts, each with one sentence when it is not."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import redis
from flask import Flask
from sqlalchemy import make_url, text
from sqlalchemy.exc import SQLAlchemyError

from webapp.extensions import db
from webapp.settings import SettingError


def check_folder(folder: Path) -> None:
    """The data folder exists and can be written to."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise SettingError(
            f"The data folder {folder} cannot be written to ({error.strerror}): choose another one"
            " with DATA_DIR=…."
        ) from None


@contextlib.contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold the data folder: two installations in one would start two servers on its files.

    All our processes hold it, by inheritance: what a killed installation leaves is waited for.
    """
    with (folder / "up.lock").open("a+") as lock:
        if not _lock(lock, seconds=3):
            lock.seek(0)
            raise SettingError(
                f"Email Tracker already runs on the data folder {folder}"
                f" (process {lock.read().strip() or 'unknown'}): stop it first."
            )
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _lock(file: IO, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)


def check_database(app: Flask) -> None:
    """The database answers."""
    with app.app_context():
        try:
            with db.engine.connect() as connection:
                connection.execute(text("SELECT 1"))
        except SQLAlchemyError as error:
            address = make_url(app.config["SQLALCHEMY_DATABASE_URI"])
            raise SettingError(
                f"The database {address.render_as_string(hide_password=True)} does not answer"
                f" ({_first_line(error)}): check DATABASE_URL."
            ) from None


def check_redis(url: str) -> None:
    """The Redis that the operator named answers."""
    client = redis.Redis.from_url(url, socket_connect_timeout=3, socket_timeout=3)
    try:
        client.ping()
    except redis.RedisError as error:
        raise SettingError(
            f"The Redis at {_without_password(url)} does not answer ({_first_line(error)}):"
            " check REDIS_URL."
        ) from None
    finally:
        client.close()


def _first_line(error: Exception) -> str:
    """The driver's own words, without the statement and the links."""
    original = getattr(error, "orig", None) or error
    return str(original).strip().splitlines()[0].rstrip(".")


def _without_password(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
