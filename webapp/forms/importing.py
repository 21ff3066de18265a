"""Bringing a CSV into a form: chunk by chunk into a hidden one, then all of it moves over at once.

Each chunk is a commit of its own, so a worker that dies is followed by one that goes on there, and
nobody else's writing waits for long. Before the last commit nothing is seen in the form.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import islice

from sqlalchemy import delete, insert, select, update

from webapp.accounts import auditing
from webapp.accounts.models import User
from webapp.extensions import db
from webapp.forms import claiming, indexing, reading_csv, values, writing
from webapp.forms.grid import Query
from webapp.forms.models import Field, FieldKind, Form, Import, ImportRow, Record, TransferStage
from webapp.forms.reading_csv import Dialect, Line, NotCsv
from webapp.lib import clock, stopping, texts

MAX_BYTES = 50 * 1024 * 1024
CHUNK = 1000
SAMPLE = 200  # rows by which it is guessed what a column holds
KEPT_FOR = timedelta(days=1)  # a file that nobody said what to do with
NEW = "new:"  # in a mapping: make a field of this kind, named like the column


def upload(form: Form, by: User, file_name: str, content: bytes) -> Import:
    """Keep a file, found to be CSV. Raises NotCsv. Commits."""
    if len(content) > MAX_BYTES:
        raise NotCsv("The file is larger than 50 MB. Split it, or leave out columns.")
    dialect = reading_csv.detect(content)
    reading_csv.head_and_sample(content, dialect)
    kept = Import(
        form_id=form.id,
        user_id=by.id,
        file_name=texts.one_line(file_name, 200),
        content=content,
        encoding=dialect.encoding,
        delimiter=dialect.delimiter,
    )
    db.session.add(kept)
    db.session.commit()
    return kept


def suggested_mapping(form: Form, names: Sequence[str], sample: Sequence[Sequence[str]]) -> dict:
    """{column number: field key or "new:kind"} for the columns of a file; each field once."""
    by_name = {field.label.casefold(): field.key for field in form.fields}
    by_name |= {field.key: field.key for field in form.fields}
    mapping: dict[int, str] = {}
    for number, name in enumerate(names):
        found = by_name.get(name.strip().casefold())
        if found in mapping.values():
            found = None
        cells = [row[number] for row in sample if number < len(row) and row[number].strip()]
        mapping[number] = found or NEW + _kind_of(cells)
    return mapping


def _kind_of(cells: Sequence[str]) -> FieldKind:
    """What a column seems to hold, by its filled cells."""
    if cells and sum("@" in cell for cell in cells) * 2 >= len(cells):
        return FieldKind.EMAIL
    is_date = bool(cells) and all(values.is_iso_date(cell.strip()) for cell in cells)
    return FieldKind.DATE if is_date else FieldKind.TEXT


def begin(kept: Import, mapping: Mapping[str, str], names: Sequence[str]) -> bool:
    """Fix the mapping and make the new fields; False when begun before. Commits; then wake."""
    db.session.refresh(kept, with_for_update=True)  # a double click begins once
    if kept.stage != TransferStage.UPLOADED:
        db.session.rollback()
        return False
    final = {}
    for number, target in mapping.items():
        if target.startswith(NEW):
            kind = FieldKind(target.removeprefix(NEW))
            field = writing.add_field(kept.form, names[int(number)], kind)
            if kind == FieldKind.EMAIL:
                writing.validate_addresses(kept.form, field)
            target = field.key
        if target:
            final[str(number)] = target
    kept.mapping, kept.rows_total = final, kept.content.count(b"\n")
    kept.stage = TransferStage.RUNNING
    kept.form.hidden_at = None
    db.session.commit()
    return True


def run(import_id: int) -> None:
    """Bring the file in, going on where the last worker was; nothing to do is no error. Commits."""
    claiming.work(Import, import_id, _bring_in, _fail)


def waiting() -> list[int]:
    """Imports that a worker should be at."""
    return claiming.waiting(Import)


def give_up_hopeless() -> None:
    """End what was tried often and never got further, and files forgotten on the way. Commits."""
    for import_id in claiming.hopeless(Import):
        _fail(import_id, "It stopped several times at the same place. The log says why.")
    db.session.execute(
        update(Import)
        .where(Import.stage == TransferStage.UPLOADED, Import.created_at < clock.now() - KEPT_FOR)
        .values(stage=TransferStage.FAILED, content=b"", error="It was not begun within a day.")
    )
    db.session.execute(delete(Form).where(*_never_begun()))
    db.session.commit()


def _never_begun() -> Sequence:
    """Forms that a forgotten file would have filled; nobody has seen them."""
    return (
        Form.hidden_at < clock.now() - KEPT_FOR,
        Form.source.is_(None),
        Form.staged_for_id.is_(None),
        ~Form.fields.any(),
    )


def refused(import_id: int, after_line: int = 0, limit: int = 100) -> Sequence:
    """(line, refused, values) of rows that were not brought in, by line."""
    return db.session.execute(
        select(ImportRow.line, ImportRow.refused, ImportRow.values)
        .where(ImportRow.import_id == import_id, ImportRow.line > after_line)
        .order_by(ImportRow.line)
        .limit(limit)
    ).all()


def count_written(kept: Import) -> int:
    return kept.rows_done - kept.rows_refused


def unusable(form: Form) -> Query:
    """The grid's view of the records that cannot be written to."""
    keys = [field.key for field in writing.email_fields(form)]
    return Query(filter={"all": [{"field": key, "op": "unusable"} for key in keys]})


def _bring_in(import_id: int, fence: int) -> None:
    kept = db.session.get_one(Import, import_id)
    content = kept.content
    db.session.expire(kept, ["content"])  # held once, not twice
    lines = reading_csv.rows(content, Dialect(kept.encoding, kept.delimiter))
    head = next(lines, None)
    width = len(head.cells) if head else 0
    if not kept.staging_id:
        _make_staging(kept)
    for chunk in _chunks(lines, kept.rows_done):
        _keep(db.session.get_one(Import, import_id), chunk, width, fence)
        if stopping.is_asked():
            _release(import_id, fence)
            return
    _publish(db.session.get_one(Import, import_id), fence)


def _make_staging(kept: Import) -> None:
    staging = Form(
        workspace_id=kept.form.workspace_id,
        name=kept.file_name[:120],
        staged_for_id=kept.form_id,
        hidden_at=clock.now(),
    )
    db.session.add(staging)
    db.session.flush()
    kept.staging_id = staging.id


def _chunks(lines: Iterator[Line], skipped: int) -> Iterator[list[Line]]:
    """The rows after those that an earlier worker has committed."""
    rest = islice(lines, skipped, None)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk


def _keep(kept: Import, chunk: Sequence[Line], width: int, fence: int) -> None:
    """One chunk: records, refused rows and progress in one commit."""
    fields = {field.key: field for field in kept.form.fields}
    mapping = {int(number): fields[key] for number, key in kept.mapping.items() if key in fields}
    by = db.session.get(User, kept.user_id) if kept.user_id else None
    accepted, refused_rows = [], []
    for line in chunk:
        read, problem = _read(line, mapping, width)
        if problem:
            cells = {str(n): texts.printable(cell)[:500] for n, cell in enumerate(line.cells)}
            refused_rows.append(
                {"import_id": kept.id, "line": line.number, "values": cells, "refused": problem}
            )
        else:
            accepted.append(read)
    unusable = writing.stage_records(kept.form, kept.staging_id, accepted, by)
    claiming.keep(
        Import, kept.id, fence,
        rows_done=Import.rows_done + len(chunk),
        rows_refused=Import.rows_refused + len(refused_rows),
        rows_unusable=Import.rows_unusable + unusable,
    )  # fmt: skip
    if refused_rows:
        db.session.execute(insert(ImportRow), refused_rows)
    db.session.commit()


def _read(line: Line, mapping: Mapping[int, Field], width: int) -> tuple[dict, str]:
    """(typed values by field key, "" or why the row is refused)."""
    if line.problem:
        return {}, line.problem
    if any(cell.strip() for cell in line.cells[width:]):
        return {}, f"The row has {len(line.cells)} cells, but the first row names {width} columns."
    read, problems = {}, []
    for number, field in mapping.items():
        try:
            value = values.read(field, line.cells[number] if number < len(line.cells) else "")
        except values.ValueProblem as problem:
            problems.append(str(problem))
            continue
        if value is not None:
            read[field.key] = value
    return read, " ".join(problems)[:500]


def _publish(kept: Import, fence: int) -> None:
    """All records move into the form in one transaction: nobody sees half an import."""
    claiming.keep(
        Import, kept.id, fence, stage=TransferStage.FINISHED, finished_at=clock.now(),
        rows_total=Import.rows_done, content=b"", staging_id=None,
    )  # fmt: skip
    form, written = kept.form, count_written(kept)
    indexing.note_all(form.id, of=kept.staging_id)
    moved = db.session.execute(
        update(Record)
        .where(Record.form_id == kept.staging_id)
        .values(form_id=form.id)
        .execution_options(synchronize_session=False)
    )
    writing.count_added(form, moved.rowcount)
    db.session.execute(delete(Form).where(Form.id == kept.staging_id))
    auditing.note(
        "records.imported", workspace=form.workspace,
        by=db.session.get(User, kept.user_id) if kept.user_id else None, subject=form,
        name=form.name, file=kept.file_name, records=written, refused=kept.rows_refused,
    )  # fmt: skip
    db.session.commit()


def _release(import_id: int, fence: int) -> None:
    claiming.keep(Import, import_id, fence, lease_until=None)
    db.session.commit()


def _fail(import_id: int, why: str) -> None:
    """Nothing is brought in: what was staged goes. Commits."""
    kept = db.session.get(Import, import_id)
    if kept is None:
        return
    if kept.staging_id:
        db.session.execute(delete(Form).where(Form.id == kept.staging_id))
    kept.stage, kept.error, kept.content = TransferStage.FAILED, why[:500], b""
    kept.staging_id, kept.finished_at = None, clock.now()
    db.session.commit()
