"""The sandbox's own file: every mail, and every report that is still to be posted.

Plain sqlite3, so that the sandbox runs beside the program without its database. Times are Unix
seconds. A mail with several recipients is kept once for each. `hook_token` says whose mail it is;
it is "" for instance mail, which was handed in without signing in.
"""

import json
import os
import sqlite3
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from webapp.sandbox.outcomes import Planned

CAP = 20_000
BUNDLE = 100
_TRIM_EVERY = 200
_GIVE_UP_SECONDS = 24 * 3600

_SCHEMA = """
CREATE TABLE IF NOT EXISTS senders (hook_token TEXT PRIMARY KEY, secret TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS mails (
    id INTEGER PRIMARY KEY AUTOINCREMENT, hook_token TEXT NOT NULL, received_at REAL NOT NULL,
    sender TEXT NOT NULL, address TEXT NOT NULL, subject TEXT NOT NULL, token TEXT NOT NULL,
    message_id TEXT NOT NULL, outcome TEXT NOT NULL, size INTEGER NOT NULL, search TEXT
);
CREATE INDEX IF NOT EXISTS mails_whose ON mails (hook_token, id);
CREATE INDEX IF NOT EXISTS mails_unread ON mails (id) WHERE search IS NULL;
CREATE TABLE IF NOT EXISTS contents (mail_id INTEGER PRIMARY KEY, raw BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS reports (
    id INTEGER PRIMARY KEY, mail_id INTEGER NOT NULL, event_id TEXT NOT NULL,
    hook_token TEXT NOT NULL, token TEXT NOT NULL, address TEXT NOT NULL, event TEXT NOT NULL,
    at REAL NOT NULL, due_at REAL NOT NULL, smtp TEXT NOT NULL, attempt INTEGER NOT NULL,
    delivery_id TEXT, posted INTEGER NOT NULL DEFAULT 0, posted_at REAL, answer TEXT
);
CREATE INDEX IF NOT EXISTS reports_due ON reports (due_at) WHERE delivery_id IS NULL;
CREATE INDEX IF NOT EXISTS reports_of_mail ON reports (mail_id);
CREATE INDEX IF NOT EXISTS reports_of_delivery ON reports (delivery_id);
CREATE TABLE IF NOT EXISTS deliveries (
    id TEXT PRIMARY KEY, hook_token TEXT NOT NULL, body BLOB NOT NULL, made_at REAL NOT NULL,
    due_at REAL NOT NULL, tries INTEGER NOT NULL DEFAULT 0, successes INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (due_at);
"""


@dataclass
class Mail:
    """A mail to be kept, with what will be reported of it."""

    hook_token: str
    received_at: float
    sender: str
    address: str
    subject: str
    token: str
    message_id: str
    outcome: str
    raw: bytes
    reports: Sequence[Planned] = ()
    again: frozenset[int] = field(default_factory=frozenset)  # reports told twice, by their place


@dataclass(frozen=True)
class Delivery:
    """One post, as it will be repeated byte for byte until somebody takes it."""

    id: str
    hook_token: str
    secret: str
    body: bytes
    made_at: float
    tries: int
    successes: int

    def is_overdue(self, now: float) -> bool:
        return now - self.made_at > _GIVE_UP_SECONDS


class Store:
    """The file, opened; for one thread at a time."""

    def __init__(self, path: Path, cap: int = CAP) -> None:
        self._cap = cap
        self._kept_since_trim = _TRIM_EVERY
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # secrets are in it
        self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=20)
        self.db.row_factory = sqlite3.Row
        self.db.execute("PRAGMA journal_mode=wal")
        self.db.execute("PRAGMA synchronous=normal")  # what is committed survives a kill -9
        self.db.executescript(_SCHEMA)

    def close(self) -> None:
        self.db.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    # ---- mails

    def know(self, hook_token: str, secret: str) -> None:
        """Remember the secret that signs the reports of this sender."""
        with self.writing():
            self.db.execute("INSERT OR REPLACE INTO senders VALUES (?, ?)", (hook_token, secret))

    def keep(self, mails: Sequence[Mail]) -> list[int]:
        """Store mails and their reports to come, in one commit; their ids."""
        with self.writing():
            ids = [self._keep(mail) for mail in mails]
            self._kept_since_trim += len(mails)
            if self._kept_since_trim >= _TRIM_EVERY:
                self._kept_since_trim = 0
                self._trim()
        return ids

    def has_kept(self, hook_token: str, address: str, message_id: str) -> bool:
        found = self.db.execute(
            "SELECT 1 FROM mails WHERE hook_token = ? AND address = ? AND message_id = ?",
            (hook_token, address, message_id),
        )
        return found.fetchone() is not None

    def unread(self, limit: int) -> list[sqlite3.Row]:
        """Mails whose text cannot be searched yet: id, raw and what names them."""
        return self.db.execute(
            "SELECT mails.id, raw, address || char(10) || sender || char(10) || subject AS names"
            " FROM mails JOIN contents ON mail_id = mails.id"
            " WHERE search IS NULL ORDER BY mails.id LIMIT ?",
            (limit,),
        ).fetchall()

    def index(self, texts: Iterable[tuple[int, str]]) -> None:
        """Make mails searchable by their text."""
        with self.writing():
            self.db.executemany(
                "UPDATE mails SET search = ? WHERE id = ?", [(text, mail) for mail, text in texts]
            )

    def _keep(self, mail: Mail) -> int:
        row = self.db.execute(
            "INSERT INTO mails (hook_token, received_at, sender, address, subject, token,"
            " message_id, outcome, size) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                mail.hook_token, mail.received_at, mail.sender, mail.address, mail.subject,
                mail.token, mail.message_id, mail.outcome, len(mail.raw),
            ),
        )  # fmt: skip
        mail_id = row.lastrowid
        self.db.execute("INSERT INTO contents VALUES (?, ?)", (mail_id, mail.raw))
        for place, report in enumerate(mail.reports):
            event_id = str(uuid.uuid4())
            for late in (0, 1.0) if place in mail.again else (0,):
                self.db.execute(
                    "INSERT INTO reports (mail_id, event_id, hook_token, token, address, event, at,"
                    " due_at, smtp, attempt) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        mail_id, event_id, mail.hook_token, mail.token, mail.address, report.event,
                        report.at, report.due_at + late, report.smtp, report.attempt,
                    ),
                )  # fmt: skip
        return mail_id

    def _trim(self) -> None:
        """Drop the oldest beyond the cap; what is still to be reported of them is."""
        newest = self.db.execute("SELECT max(id) FROM mails").fetchone()[0] or 0
        last = newest - self._cap
        self.db.execute("DELETE FROM mails WHERE id <= ?", (last,))
        self.db.execute("DELETE FROM contents WHERE mail_id <= ?", (last,))
        self.db.execute("DELETE FROM reports WHERE mail_id <= ? AND answer IS NOT NULL", (last,))

    # ---- reports

    def bundle(self, now: float, mail_id: int | None = None) -> bool:
        """Put due reports into deliveries, each of one sender; True when there may be more."""
        one_mail = "AND mail_id = :mail" if mail_id else ""
        with self.writing():
            rows = self.db.execute(
                "SELECT * FROM reports WHERE delivery_id IS NULL AND due_at <= :now"
                f" {one_mail} ORDER BY due_at, id LIMIT 1000",
                {"now": now, "mail": mail_id},
            ).fetchall()
            by_sender: dict[str, list[sqlite3.Row]] = {}
            for row in rows:
                by_sender.setdefault(row["hook_token"], []).append(row)
            for hook_token, reports in by_sender.items():
                for start in range(0, len(reports), BUNDLE):
                    self._bundle(hook_token, reports[start : start + BUNDLE], now)
        return len(rows) == 1000

    def due(self, now: float, limit: int, mail_id: int | None = None) -> list[Delivery]:
        """Deliveries to be posted now; all of them, or the ones that speak of one mail."""
        of_mail = "AND id IN (SELECT delivery_id FROM reports WHERE mail_id = ?)" if mail_id else ""
        rows = self.db.execute(
            "SELECT id, hook_token, coalesce(secret, '') AS secret, body, made_at, tries, successes"
            f" FROM deliveries LEFT JOIN senders USING (hook_token) WHERE due_at <= ? {of_mail}"
            " ORDER BY due_at LIMIT ?",
            (now, mail_id, limit) if mail_id else (now, limit),
        )
        return [Delivery(**dict(row)) for row in rows]

    def postpone(self, delivery: Delivery, due_at: float, *, taken: bool) -> None:
        """To be posted (again) at `due_at`; `taken`: though it has been taken."""
        with self.writing():
            self.db.execute(
                "UPDATE deliveries SET due_at = ?, tries = tries + 1, successes = successes + ?"
                " WHERE id = ?",
                (due_at, int(taken), delivery.id),
            )

    def note(self, delivery: Delivery, now: float, answer: str) -> None:
        """Somebody answered for its reports, for the page that shows them."""
        with self.writing():
            self.db.execute(
                "UPDATE reports SET posted = posted + 1, posted_at = ?, answer = ?"
                " WHERE delivery_id = ?",
                (now, answer, delivery.id),
            )

    def finish(self, delivery: Delivery) -> None:
        with self.writing():
            self.db.execute("DELETE FROM deliveries WHERE id = ?", (delivery.id,))

    def _bundle(self, hook_token: str, reports: list[sqlite3.Row], now: float) -> None:
        delivery_id = str(uuid.uuid4())
        body = json.dumps([_event(report) for report in reports]).encode()
        self.db.execute(
            "INSERT INTO deliveries (id, hook_token, body, made_at, due_at) VALUES (?, ?, ?, ?, ?)",
            (delivery_id, hook_token, body, now, now),
        )
        self.db.executemany(
            "UPDATE reports SET delivery_id = ? WHERE id = ?",
            [(delivery_id, report["id"]) for report in reports],
        )


def _event(report: sqlite3.Row) -> dict:
    """One report in the words of the sandbox provider."""
    return {
        "token": report["token"],
        "address": report["address"],
        "event": report["event"],
        "at": datetime.fromtimestamp(report["at"], UTC).isoformat(),
        "id": report["event_id"],
        "smtp": report["smtp"],
        "attempt": report["attempt"],
    }
