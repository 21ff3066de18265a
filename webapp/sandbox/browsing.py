"""Looking through the kept mails, for the pages; only those of the given hook tokens."""

import sqlite3
from collections.abc import Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from webapp.sandbox.storage import Store

PAGE = 50
INSTANCE = frozenset({""})  # the token of instance mail


@dataclass(frozen=True)
class Line:
    """One mail in the list."""

    id: int
    received_at: datetime
    sender: str
    address: str
    subject: str
    outcome: str
    size: int


@dataclass(frozen=True)
class Told:
    """One report about a mail; `answer` is None until somebody answered, `posted` how often."""

    event: str
    at: datetime
    smtp: str
    attempt: int
    posted: int
    posted_at: datetime | None
    answer: str | None

    @property
    def is_refused(self) -> bool:
        return (self.answer or "").startswith("refused")

    @property
    def is_waiting(self) -> bool:
        return self.answer is None


class Browser:
    """The mails of the senders with these hook tokens."""

    def __init__(self, db: sqlite3.Connection, tokens: Set[str]) -> None:
        self._db = db
        self._tokens = sorted(tokens)
        self._whose = f"hook_token IN ({', '.join('?' * len(tokens))})"

    def version(self) -> str:
        """Another one as soon as the list would look otherwise."""
        row = self._db.execute(
            f"SELECT coalesce(max(id), 0), count(*) FROM mails WHERE {self._whose}", self._tokens
        ).fetchone()
        return f"{row[0]}-{row[1]}"

    def count(self) -> int:
        return int(self.version().split("-")[1])

    def page(self, search: str = "", before: int | None = None) -> tuple[list[Line], int | None]:
        """Newest first, and where the next page begins (None: here it ends)."""
        wanted, values = self._whose, list(self._tokens)
        if search:
            # what came a moment ago can be found by its names alone
            wanted += (
                " AND CASE WHEN search IS NULL THEN instr(lower(address || ' ' || sender || ' ' ||"
                " subject), ?) ELSE instr(search, ?) END"
            )
            values += [search.casefold()] * 2
        if before:
            wanted += " AND id < ?"
            values.append(before)
        rows = self._db.execute(
            f"SELECT * FROM mails WHERE {wanted} ORDER BY id DESC LIMIT ?", (*values, PAGE + 1)
        ).fetchall()
        lines = [_line(row) for row in rows[:PAGE]]
        return lines, lines[-1].id if len(rows) > PAGE else None

    def find(self, mail_id: int) -> Line | None:
        row = self._db.execute(
            f"SELECT * FROM mails WHERE id = ? AND {self._whose}", (mail_id, *self._tokens)
        ).fetchone()
        return _line(row) if row else None

    def raw(self, line: Line) -> bytes:
        row = self._db.execute("SELECT raw FROM contents WHERE mail_id = ?", (line.id,)).fetchone()
        return row["raw"] if row else b""

    def told(self, line: Line) -> list[Told]:
        """What was, and will be, reported about a mail; each thing once, in the order of time."""
        rows = self._db.execute(
            "SELECT event, at, smtp, attempt, sum(posted) AS posted, max(posted_at) AS posted_at,"
            " min(answer) AS answer FROM reports WHERE mail_id = ? GROUP BY event_id"
            " ORDER BY at, min(id)",
            (line.id,),
        )
        return [
            Told(**dict(row) | {"at": _moment(row["at"]), "posted_at": _moment(row["posted_at"])})
            for row in rows
        ]

    def clear(self) -> int:
        """Forget these mails; how many. What is still to be reported of them is reported."""
        mine = f"IN (SELECT id FROM mails WHERE {self._whose})"
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            for sql in (
                f"DELETE FROM contents WHERE mail_id {mine}",
                f"DELETE FROM reports WHERE answer IS NOT NULL AND mail_id {mine}",
            ):
                self._db.execute(sql, self._tokens)
            gone = self._db.execute(f"DELETE FROM mails WHERE {self._whose}", self._tokens)
        return gone.rowcount


@contextmanager
def browse(path: Path, tokens: Set[str]) -> Iterator[Browser]:
    """Open the sandbox's file for one request; made anew when the sandbox has not run yet."""
    store = Store(path)
    try:
        yield Browser(store.db, tokens)
    finally:
        store.close()


def _line(row: sqlite3.Row) -> Line:
    return Line(
        id=row["id"],
        received_at=_moment(row["received_at"]),
        sender=row["sender"],
        address=row["address"],
        subject=row["subject"],
        outcome=row["outcome"],
        size=row["size"],
    )


def _moment(seconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
