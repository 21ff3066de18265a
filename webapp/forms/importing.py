"""Bringing a CSV into a form: staged in chunks, then all of it appears in one transaction."""

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, insert, select

from webapp.accounts import auditing
from webapp.accounts.models import User
from webapp.extensions import db
from webapp.forms import reading_csv, values, writing
from webapp.forms.models import FieldKind, Form, Import, ImportRow, TransferStage
from webapp.forms.reading_csv import Dialect, NotCsv
from webapp.lib import clock

MAX_BYTES = 50 * 1024 * 1024
CHUNK = 1000
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
        file_name=file_name[:200],
        content=content,
        encoding=dialect.encoding,
        delimiter=dialect.delimiter,
    )
    db.session.add(kept)
    db.session.commit()
    return kept


def suggested_mapping(form: Form, names: Sequence[str], sample: Sequence[Sequence[str]]) -> dict:
    """{column number: field key or "new:kind"} for the columns of a file."""
    by_name = {field.label.casefold(): field.key for field in form.fields}
    by_name |= {field.key: field.key for field in form.fields}
    mapping = {}
    for number, name in enumerate(names):
        found = by_name.get(name.strip().casefold())
        cells = [row[number] for row in sample if number < len(row) and row[number].strip()]
        is_email = bool(cells) and sum("@" in cell for cell in cells) * 2 >= len(cells)
        mapping[number] = found or NEW + (FieldKind.EMAIL if is_email else FieldKind.TEXT)
    return mapping


def begin(kept: Import, mapping: Mapping[str, str], names: Sequence[str]) -> bool:
    """Fix the mapping and make the new fields; False when begun before. Commits; then wake."""
    if kept.stage != TransferStage.UPLOADED:
        return False
    final = {}
    for number, target in mapping.items():
        if target.startswith(NEW):
            kind = FieldKind(target.removeprefix(NEW))
            field = writing.add_field(kept.form, names[int(number)][:120], kind)
            if kind == FieldKind.EMAIL:
                writing.validate_addresses(kept.form, field)
            target = field.key
        if target:
            final[str(number)] = target
    kept.mapping = final
    kept.stage = TransferStage.RUNNING
    db.session.commit()
    return True


def run(import_id: int) -> None:
    """Stage the rows, then write them all. Begun again after a crash, it begins from the file."""
    kept = db.session.get(Import, import_id)
    if kept is None or kept.stage != TransferStage.RUNNING:
        db.session.rollback()
        return
    db.session.execute(delete(ImportRow).where(ImportRow.import_id == import_id))
    kept.rows_done = kept.rows_refused = 0
    kept.rows_total = kept.content.count(b"\n")
    db.session.commit()
    try:
        _stage(kept)
        _write(kept)
    except NotCsv as error:
        db.session.rollback()
        kept = db.session.get(Import, import_id)
        kept.stage, kept.error = TransferStage.FAILED, str(error)[:500]
        kept.finished_at = clock.now()
        db.session.commit()


def running() -> list[int]:
    """Imports that a worker should be at."""
    return list(db.session.scalars(select(Import.id).where(Import.stage == TransferStage.RUNNING)))


def refused(kept: Import) -> list[ImportRow]:
    """The rows that were not brought in, by line."""
    return list(
        db.session.scalars(
            select(ImportRow)
            .where(ImportRow.import_id == kept.id, ImportRow.refused.is_not(None))
            .order_by(ImportRow.line)
        )
    )


def _stage(kept: Import) -> None:
    fields = {field.key: field for field in kept.form.fields}
    mapping = {int(number): fields[key] for number, key in kept.mapping.items() if key in fields}
    lines = reading_csv.rows(kept.content, Dialect(kept.encoding, kept.delimiter))
    next(lines, None)  # the head
    chunk: list[dict] = []
    for line, cells in lines:
        chunk.append({"import_id": kept.id, "line": line} | _row(cells, mapping))
        if len(chunk) == CHUNK:
            _keep(kept, chunk)
            chunk = []
    _keep(kept, chunk)


def _row(cells: Sequence[str], mapping: Mapping) -> dict:
    read, problems = {}, []
    for number, field in mapping.items():
        try:
            value = values.read(field, cells[number] if number < len(cells) else "")
        except values.ValueProblem as problem:
            problems.append(str(problem))
            continue
        if value is not None:
            read[field.key] = value
    if problems:
        shown = {str(number): cell[:500] for number, cell in enumerate(cells)}
        return {"values": shown, "refused": " ".join(problems)[:500]}
    return {"values": read, "refused": None}


def _keep(kept: Import, chunk: list[dict]) -> None:
    """Progress is seen because every chunk is a commit of its own; records are not, yet."""
    if not chunk:
        return
    db.session.execute(insert(ImportRow), chunk)
    kept.rows_done += len(chunk)
    kept.rows_refused += sum(row["refused"] is not None for row in chunk)
    db.session.commit()


def _write(kept: Import) -> None:
    """All accepted rows become records in one transaction: nobody sees half an import."""
    by = db.session.get(User, kept.user_id) if kept.user_id else None
    form_id, import_id = kept.form_id, kept.id
    written = 0
    last = 0
    while rows := db.session.execute(
        select(ImportRow.id, ImportRow.values)
        .where(ImportRow.import_id == import_id, ImportRow.id > last, ImportRow.refused.is_(None))
        .order_by(ImportRow.id)
        .limit(writing.CHUNK)
    ).all():
        form = db.session.get_one(Form, form_id)
        written += writing.add_records(form, (row.values for row in rows), by, "imported")
        last = rows[-1].id
    db.session.execute(
        delete(ImportRow).where(ImportRow.import_id == import_id, ImportRow.refused.is_(None))
    )
    kept.stage, kept.finished_at = TransferStage.FINISHED, clock.now()
    kept.rows_total = kept.rows_done
    kept.content = b""
    auditing.note(
        "records.imported", workspace=kept.form.workspace, by=by, subject=kept.form,
        name=kept.form.name, file=kept.file_name, records=written, refused=kept.rows_refused,
    )  # fmt: skip
    db.session.commit()


def count_written(kept: Import) -> int:
    return kept.rows_done - kept.rows_refused
