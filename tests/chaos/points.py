"""Points at which a worker can be made to die, found in what it says to the database.

Whatever the engine's code looks like: the durable points of design and README are statements on the
tables, each followed by a commit. A test arms a point; the first process that reaches it is hit.
"""

import os
import re
import signal
import sqlite3
from collections import defaultdict
from collections.abc import Callable
from enum import StrEnum

import psycopg
import redis
from sqlalchemy import Engine, event

KEY = "chaos:point"
FULL = "disk full at "


class Point(StrEnum):
    FROZEN = "a chunk of copies is frozen"
    PREPARED = "all are frozen, nobody is woken yet"
    TAKEN = "taken, the intent not committed"
    MARKED = "in flight, nothing on the wire yet"
    ANSWERED = "answered, outcome not committed"
    RECORDED = "outcome committed"
    ARRIVING = "arrival not committed"
    ARRIVED = "arrival committed, not answered"


# what a statement is: its beginning, what its SET clause or parameters hold, and what it is a sign
# of before and after the commit of its transaction
_SIGNS: list[tuple[str, str, Point | None, Point | None]] = [
    ("insert into recipients", "", None, Point.FROZEN),
    ("update bulk_emails", "'sending'", None, Point.PREPARED),
    ("update recipients", "first_tried_at", Point.TAKEN, Point.MARKED),
    ("insert into attempts", "", Point.ANSWERED, Point.RECORDED),
    ("insert into arrivals", "", Point.ARRIVING, Point.ARRIVED),
]


def install(engine: Engine, hit: Callable[[str], None]) -> None:
    """Call `hit(point)` before and after commits, and `hit(FULL + point)` before statements."""
    seen: dict[int, list[tuple[Point | None, Point | None]]] = defaultdict(list)

    def notice(cursor, statement, parameters, context) -> None:
        for before, after in _signs_of(statement, parameters):
            hit(f"{FULL}{before or after}")
            seen[id(context.root_connection.connection.dbapi_connection)].append((before, after))

    for name in ("do_execute", "do_executemany"):
        event.listen(engine, name, notice)

    commit, rollback = engine.dialect.do_commit, engine.dialect.do_rollback

    def do_commit(connection) -> None:
        points = seen.pop(id(connection.dbapi_connection), [])
        for before, _ in points:
            hit(str(before))
        commit(connection)
        for _, after in points:
            hit(str(after))

    def do_rollback(connection) -> None:
        seen.pop(id(connection.dbapi_connection), None)
        rollback(connection)

    engine.dialect.do_commit, engine.dialect.do_rollback = do_commit, do_rollback


def _signs_of(statement: str, parameters: object) -> list[tuple[Point | None, Point | None]]:
    words = re.sub(r'[\s"]+', " ", statement).strip().lower()
    changed = words.split(" where ")[0] + repr(parameters)
    return [
        (before, after)
        for begins, holds, before, after in _SIGNS
        if words.startswith(begins) and re.search(holds, changed)
    ]


def striker(client: redis.Redis, dialect: str) -> Callable[[str], None]:
    """What a point does when it is armed: kill -9 of the process, or a full disk. Once."""

    def hit(point: str) -> None:
        if client.get(KEY) != point.encode() or not client.delete(KEY):
            return
        if not point.startswith(FULL):
            os.kill(os.getpid(), signal.SIGKILL)
        if dialect == "sqlite":
            raise sqlite3.OperationalError("database or disk is full")
        raise psycopg.errors.DiskFull("could not extend file: No space left on device")

    return hit
