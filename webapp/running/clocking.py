"""The clock: sweeps, schedules and wakes again what Redis lost. One worker of all holds it."""

import os
import socket
import threading
from secrets import token_hex

import structlog
from flask import Flask
from sqlalchemy import CursorResult, insert, or_, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from webapp import queue
from webapp.columns import database_now
from webapp.delivery.models import ClockLease
from webapp.extensions import db

log = structlog.get_logger()

NAME = "clock"
TICK_SECONDS = 2.0
LEASE_SECONDS = 8.0  # a holder that died is followed within ten seconds


def run(app: Flask, stop: threading.Event) -> None:
    """Tick while nobody else does, until `stop` is set."""
    owner = f"{socket.gethostname()[:40]}:{os.getpid()}:{token_hex(4)}"
    while not stop.is_set():
        tick(app, owner)
        stop.wait(TICK_SECONDS)
    with app.app_context():
        release(owner)


def tick(app: Flask, owner: str) -> bool:
    """Run all clock tasks once if `owner` holds the clock or can take it; whether it did."""
    try:
        with app.app_context():
            if not hold(owner):
                return False
    except SQLAlchemyError as error:
        log.warning("clock_without_database", error=str(error).splitlines()[0])
        return False

    for task in list(queue.clock_tasks):
        _run_one(app, task)
    return True


def hold(owner: str, seconds: float = LEASE_SECONDS) -> bool:
    """Take or renew the clock for `seconds` by the database's own clock; commits."""
    taken: CursorResult = db.session.execute(  # type: ignore[assignment]
        update(ClockLease)
        .where(
            ClockLease.name == NAME,
            or_(ClockLease.owner == owner, ClockLease.until < database_now()),
        )
        .values(owner=owner, until=database_now(seconds))
    )
    if taken.rowcount == 0 and not db.session.scalar(select(ClockLease.name)):
        return _insert(owner, seconds)
    db.session.commit()
    return taken.rowcount == 1


def release(owner: str) -> None:
    """Let the next one take the clock at once; commits."""
    try:
        db.session.execute(
            update(ClockLease).where(ClockLease.owner == owner).values(until=database_now())
        )
        db.session.commit()
    except SQLAlchemyError as error:
        log.warning("clock_not_released", error=str(error).splitlines()[0])


def _insert(owner: str, seconds: float) -> bool:
    """The very first holder of all; of two at once, one."""
    try:
        db.session.execute(
            insert(ClockLease).values(name=NAME, owner=owner, until=database_now(seconds))
        )
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        return False
    return True


def _run_one(app: Flask, task) -> None:
    try:
        with app.app_context():
            task()
    except Exception:
        log.exception("clock_task_failed", task=getattr(task, "__qualname__", repr(task)))
