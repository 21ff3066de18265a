"""Addresses out of a CSV that get no more mail: read through once, then brought onto the list chunk
by chunk.

Each chunk is a commit of its own, so a worker that dies is followed by one that goes on there. What
cannot be read as a table to its end changes nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy import delete, insert, select

from webapp.accounts import auditing
from webapp.accounts.models import User, Workspace
from webapp.bulk_email import undoing_imports
from webapp.bulk_email.models_lists import AddressImport, AddressImportLine, OtherReason
from webapp.delivery import suppressing
from webapp.delivery.models import Suppression
from webapp.extensions import db
from webapp.forms import claiming, reading_csv
from webapp.forms.models import TransferStage
from webapp.forms.reading_csv import Dialect, Line, NotCsv
from webapp.lib import addresses, clock, stopping, texts
from webapp.mail.causes import Cause

MAX_BYTES = 50 * 1024 * 1024
CHUNK = 1000
MOST_REFUSED = 10_000  # lines that are kept to be shown; the others are counted
KEPT_FOR = timedelta(days=90)


@dataclass(frozen=True)
class Why:
    """What is said of all of them: the reason that the list shows, and until when."""

    cause: Cause
    reason: str
    expires_at: datetime | None = None


def upload(
    workspace: Workspace, by: User, content: bytes, file_name: str, why: Why
) -> AddressImport:
    """Keep a file that has a column of addresses. Raises NotCsv. Commits; then wake."""
    if len(content) > MAX_BYTES:
        raise NotCsv("The file is larger than 50 MB. Split it, or leave out columns.")
    dialect = reading_csv.detect(content)
    head = list(islice(reading_csv.rows(content, dialect), 100))
    column = _address_column(head)
    kept = AddressImport(
        workspace_id=workspace.id,
        user_id=by.id,
        file_name=texts.one_line(file_name, 200),
        content=content,
        encoding=dialect.encoding,
        delimiter=dialect.delimiter,
        address_column=column,
        has_head=not head[0].problem and "@" not in _cell(head[0], column),
        cause=why.cause,
        reason=why.reason,
        expires_at=why.expires_at,
    )
    db.session.add(kept)
    db.session.commit()
    return kept


def run(import_id: int) -> None:
    """Bring the file in, or undo that, going on where the last worker was; nothing to do is no
    error. Commits."""
    claiming.work(AddressImport, import_id, _go_on, _fail)


def waiting() -> list[int]:
    """Files that a worker should be at."""
    return claiming.waiting(AddressImport)


def tidy() -> None:
    """End what was tried often and never got further; forget refused lines of long ago. Commits."""
    for import_id in claiming.hopeless(AddressImport):
        _fail(import_id, "It stopped several times at the same place. The log says why.")
    old = select(AddressImport.id).where(AddressImport.created_at < clock.now() - KEPT_FOR)
    db.session.execute(delete(AddressImportLine).where(AddressImportLine.import_id.in_(old)))
    db.session.commit()


def latest(workspace: Workspace, most: int = 10) -> Sequence[AddressImport]:
    return db.session.scalars(
        select(AddressImport)
        .where(AddressImport.workspace_id == workspace.id)
        .order_by(AddressImport.id.desc())
        .limit(most)
    ).all()


def refused(import_id: int, after_line: int = 0, limit: int = 200) -> Sequence[AddressImportLine]:
    """Lines that were not understood, by their number."""
    return db.session.scalars(
        select(AddressImportLine)
        .where(AddressImportLine.import_id == import_id, AddressImportLine.line > after_line)
        .order_by(AddressImportLine.line)
        .limit(limit)
    ).all()


def _go_on(import_id: int, fence: int) -> None:
    kept = db.session.get_one(AddressImport, import_id)
    go = undoing_imports.go_on if kept.is_undone else _bring_in
    go(import_id, fence)


def _bring_in(import_id: int, fence: int) -> None:
    kept = db.session.get_one(AddressImport, import_id)
    content, dialect = kept.content, Dialect(kept.encoding, kept.delimiter)
    db.session.expire(kept, ["content"])  # held once, not twice
    if not kept.rows_total:
        total = sum(1 for _ in reading_csv.rows(content, dialect))
        done = int(kept.has_head)
        claiming.keep(AddressImport, import_id, fence, rows_total=total, rows_done=done)
        db.session.commit()
    lines = islice(reading_csv.rows(content, dialect), kept.rows_done, None)
    for chunk in _chunks(lines):
        _keep(db.session.get_one(AddressImport, import_id), chunk, fence)
        if stopping.is_asked():
            claiming.keep(AddressImport, import_id, fence, lease_until=None)
            db.session.commit()
            return
    _finish(db.session.get_one(AddressImport, import_id), fence)


def _chunks(lines: Iterator[Line]) -> Iterator[list[Line]]:
    while chunk := list(islice(lines, CHUNK)):
        yield chunk


def _keep(kept: AddressImport, chunk: Sequence[Line], fence: int) -> None:
    """One chunk: suppressions, refused lines and progress in one commit."""
    entries: dict[str, suppressing.Entry] = {}
    refused_lines = []
    for line in chunk:
        text = _cell(line, kept.address_column)
        checked = addresses.check(text)
        if problem := line.problem or checked.problem:
            shown = texts.one_line(text, 200)
            values = {"import_id": kept.id, "line": line.number, "text": shown}
            refused_lines.append(values | {"refused": problem[:500]})
        elif checked.key not in entries:
            entries[checked.key] = _entry(checked.address, kept)
    known = suppressing.suppressed(kept.workspace_id, list(entries))
    room = max(MOST_REFUSED - kept.rows_refused, 0)
    claiming.keep(
        AddressImport, kept.id, fence,
        rows_done=AddressImport.rows_done + len(chunk),
        rows_refused=AddressImport.rows_refused + len(refused_lines),
        added=AddressImport.added + len(entries) - len(known),
    )  # fmt: skip
    others = [values for row in known.values() if (values := _other_reason(row, kept))]
    suppressing.suppress(kept.workspace_id, entries.values())
    if others:
        db.session.execute(insert(OtherReason), others)
    if refused_lines[:room]:
        db.session.execute(insert(AddressImportLine), refused_lines[:room])
    db.session.commit()


def _other_reason(there: Suppression, kept: AddressImport) -> dict | None:
    """What is left when one of two is undone: of the reason that `there` has and that of the file,
    the one that gives way (suppressing.suppress); None where that is no business of a file."""
    if there.expires_at and not kept.expires_at:
        said, import_id = there, there.import_id
    elif there.import_id and there.import_id != kept.id:
        said, import_id = kept, kept.id
    else:
        return None
    return {
        "suppression_id": there.id,
        "import_id": import_id,
        "group_id": getattr(said, "group_id", None),
        "cause": said.cause,
        "reason": said.reason,
        "event_id": getattr(said, "event_id", None),
        "created_by_id": there.created_by_id if said is there else kept.user_id,
        "created_at": said.created_at,
        "expires_at": said.expires_at,
    }


def _finish(kept: AddressImport, fence: int) -> None:
    claiming.keep(
        AddressImport, kept.id, fence, stage=TransferStage.FINISHED, finished_at=clock.now(),
        content=b"",
    )  # fmt: skip
    auditing.note(
        "addresses.imported", workspace=db.session.get(Workspace, kept.workspace_id), by=kept.by,
        name=kept.file_name, addresses=kept.added, refused=kept.rows_refused, reason=kept.reason,
    )  # fmt: skip
    db.session.commit()


def _fail(import_id: int, why: str) -> None:
    """What is on the list by then stays there, and the page says how much. Commits."""
    kept = db.session.get(AddressImport, import_id)
    if kept:
        kept.stage, kept.error, kept.content = TransferStage.FAILED, why[:500], b""
        kept.finished_at = clock.now()
        db.session.commit()


def _address_column(lines: Sequence[Line]) -> int:
    """The column in which most of the first lines have an @."""
    counts: dict[int, int] = {}
    for line in lines:
        for number, cell in enumerate(line.cells):
            counts[number] = counts.get(number, 0) + ("@" in cell)
    best = max(counts, key=lambda number: (counts[number], -number), default=0)
    if not counts.get(best):
        raise NotCsv("No column of this file has addresses in it.")
    return best


def _cell(line: Line, column: int) -> str:
    return line.cells[column] if column < len(line.cells) else ""


def _entry(address: str, kept: AddressImport) -> suppressing.Entry:
    return suppressing.Entry(
        address,
        Cause(kept.cause),
        kept.reason,
        created_by_id=kept.user_id,
        expires_at=kept.expires_at,
        import_id=kept.id,
    )
