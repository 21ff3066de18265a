"""Addresses out of a CSV that get no more mail: all of them in one commit, or none."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from webapp.accounts import auditing
from webapp.accounts.models import User, Workspace
from webapp.delivery import suppressing
from webapp.extensions import db
from webapp.forms import reading_csv
from webapp.forms.reading_csv import Line, NotCsv
from webapp.lib import addresses, texts
from webapp.mail.causes import Cause

MAX_BYTES = 5 * 1024 * 1024
MAX_LINES = 20_000
TOO_LARGE = f"At most {MAX_LINES:,} lines and 5 MB at a time. Split the file."


@dataclass
class Imported:
    """What became of the lines of a file. `refused`: (line, what stands there, why not)."""

    added: int = 0
    known: int = 0
    refused: list[tuple[int, str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Why:
    """What is said of all of them: the reason that the list shows, and until when."""

    cause: Cause
    reason: str
    expires_at: datetime | None = None


def bring_in(workspace: Workspace, by: User, content: bytes, file_name: str, why: Why) -> Imported:
    """Suppress every address in a file. Raises NotCsv where it cannot be read at all. Commits."""
    if len(content) > MAX_BYTES:
        raise NotCsv(TOO_LARGE)
    lines = []
    for line in reading_csv.rows(content, reading_csv.detect(content)):
        lines.append(line)
        if len(lines) > MAX_LINES:
            raise NotCsv(TOO_LARGE)
    column = _address_column(lines)
    if lines and not lines[0].problem and "@" not in _cell(lines[0], column):
        del lines[0]  # it names the columns
    imported, entries = Imported(), {}
    for line in lines:
        text = _cell(line, column)
        checked = addresses.check(text)
        if line.problem or checked.problem:
            shown = texts.one_line(text, 200)
            imported.refused.append((line.number, shown, line.problem or checked.problem or ""))
        else:
            entries.setdefault(checked.key, _entry(checked.address, by, why))
    readable = len(lines) - len(imported.refused)
    known = suppressing.suppressed(workspace.id, list(entries))
    suppressing.suppress(workspace.id, entries.values())
    imported.added = len(entries) - len(known)
    imported.known = readable - imported.added
    auditing.note(
        "addresses.imported", workspace=workspace, by=by, name=file_name,
        addresses=imported.added, refused=len(imported.refused), reason=why.reason,
    )  # fmt: skip
    db.session.commit()
    return imported


def _address_column(lines: Sequence[Line]) -> int:
    """The column in which most of the first lines have an @."""
    counts: dict[int, int] = {}
    for line in lines[:100]:
        for number, cell in enumerate(line.cells):
            counts[number] = counts.get(number, 0) + ("@" in cell)
    best = max(counts, key=lambda number: (counts[number], -number), default=0)
    if not counts.get(best):
        raise NotCsv("No column of this file has addresses in it.")
    return best


def _cell(line: Line, column: int) -> str:
    return line.cells[column] if column < len(line.cells) else ""


def _entry(address: str, by: User, why: Why) -> suppressing.Entry:
    return suppressing.Entry(
        address, why.cause, why.reason, created_by_id=by.id, expires_at=why.expires_at
    )
