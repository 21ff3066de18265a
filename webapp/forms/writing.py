"""Forms, fields and records come to be, change and go here."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from sqlalchemy import bindparam, delete, func, insert, literal, select, text, update

from webapp.accounts.models import User, Workspace
from webapp.columns import Ids, is_among
from webapp.extensions import db
from webapp.forms import indexing
from webapp.forms.models import Field, FieldKind, Form, Record, RecordAddress, RecordChange
from webapp.lib import addresses, clock

CHUNK = 2000
_FORGET_POSTGRESQL = """
    UPDATE records SET "values" = "values" - CAST(:key AS text), search = coalesce((
        SELECT string_agg(lower(value), ' ')
        FROM jsonb_each_text("values" - CAST(:key AS text))), '')
    WHERE form_id = :form_id AND jsonb_exists("values", :key)"""
_FORGET_SQLITE = """
    UPDATE records SET "values" = json_remove("values", :path), search = coalesce((
        SELECT group_concat(fold(CASE each.type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false'
                                 ELSE each.value END), ' ')
        FROM json_each(json_remove(records."values", :path)) AS each), '')
    WHERE form_id = :form_id AND json_type("values", :path) IS NOT NULL"""
RESERVED_KEYS = {"unsubscribe_url"}


def create_form(
    workspace: Workspace,
    name: str,
    fields: Sequence[tuple[str, FieldKind]],
    source: str | None = None,
) -> Form:
    """A new form with `fields` (label, kind). Not committed."""
    position = db.session.scalar(
        select(func.coalesce(func.max(Form.position), 0)).where(Form.workspace_id == workspace.id)
    )
    form = Form(workspace_id=workspace.id, name=name, source=source, position=position + 1)
    db.session.add(form)
    db.session.flush()
    for label, kind in fields:
        add_field(form, label, kind)
    return form


def add_field(
    form: Form, label: str, kind: FieldKind, choices: Sequence[str] = (), is_required: bool = False
) -> Field:
    """A new field at the end of `form`; its key is made from the label, unique in the form."""
    taken = {field.key for field in form.fields} | RESERVED_KEYS
    field = Field(
        key=_free_key(label, taken),
        label=label,
        kind=kind,
        choices=list(choices),
        is_required=is_required,
        position=len(form.fields),
    )
    form.fields.append(field)
    db.session.flush()
    return field


def delete_form(form: Form) -> None:
    """Take a form and its records away, for good. Not committed."""
    indexing.note_all(form.id)
    db.session.delete(form)


def delete_field(field: Field) -> None:
    """Take a field and its values away, for good. Not committed."""
    form_id, key = field.form_id, field.key
    db.session.delete(field)
    db.session.flush()
    indexing.note_all(form_id)
    is_postgresql = db.session.get_bind().dialect.name == "postgresql"
    db.session.execute(
        text(_FORGET_POSTGRESQL if is_postgresql else _FORGET_SQLITE),
        {"form_id": form_id, "key": key, "path": f'$."{key}"'},
    )


def add_records(
    form: Form, rows: Iterable[Mapping[str, object]], by: User | None, what: str
) -> int:
    """Add records with typed values by field key; set-wise, in the caller's transaction."""
    total, rest = 0, iter(rows)
    while chunk := list(islice(rest, CHUNK)):
        indexing.note(form.id, _insert(form.id, chunk, email_fields(form), by, what))
        total += len(chunk)
    count_added(form, total)
    return total


def stage_records(form: Form, staging_id: int, rows: Sequence[Mapping], by: User | None) -> int:
    """Add records that are to be `form`'s to the hidden form `staging_id`; not counted yet, nor
    noted for the index. Returns how many have no address that can be written to, of a form that
    has a field for one."""
    fields = email_fields(form)
    ids = _insert(staging_id, rows, fields, by, "imported") if rows else []
    return len(ids) - _count_usable(ids) if fields else 0


def email_fields(form: Form) -> list[Field]:
    return [field for field in form.fields if field.kind == FieldKind.EMAIL]


def edit_record(record: Record, values: Mapping[str, object], by: User | None) -> bool:
    """Change a record's values; False when nothing differs. The history keeps both."""
    before = {
        key: record.values.get(key) for key in values if record.values.get(key) != values[key]
    }
    if not before:
        return False
    after = {key: values[key] for key in before}
    record.values = {**record.values, **after}
    record.search = search_text(record.values)
    record.changed_at = clock.now()
    db.session.execute(delete(RecordAddress).where(RecordAddress.record_id == record.id))
    if fields := email_fields(record.form):
        db.session.execute(
            insert(RecordAddress),
            [address_row(record.id, field, record.values) for field in fields],
        )
    db.session.add(_change(record.id, by, "edited", before, after))
    indexing.note(record.form_id, [record.id])
    return True


def delete_records(form: Form, ids: Sequence[int]) -> int:
    """Delete records of `form`; copies sent to them keep their history. Returns how many went."""
    gone = 0
    indexing.note(form.id, ids)
    for start in range(0, len(ids), 500):
        result = db.session.execute(
            delete(Record)
            .where(Record.form_id == form.id, Record.id.in_(ids[start : start + 500]))
            .execution_options(synchronize_session=False)
        )
        gone += result.rowcount
    count_added(form, -gone)
    return gone


def validate_addresses(form: Form, field: Field) -> None:
    """Write the RecordAddress rows of an email field that came after its records: all blank."""
    db.session.flush()
    db.session.execute(
        insert(RecordAddress).from_select(
            ["record_id", "field_id", "address", "problem"],
            select(Record.id, literal(field.id), literal(""), literal(addresses.MISSING)).where(
                Record.form_id == form.id
            ),
        )
    )


def search_text(values: Mapping[str, object]) -> str:
    """What the search box looks through: all values, case-folded."""
    return " ".join(str(value) for value in values.values() if value is not None).casefold()


def address_row(record_id: int, field: Field, values: Mapping[str, object]) -> dict:
    """The validated address of one record's email field, as a row."""
    checked = addresses.check(str(values.get(field.key) or ""))
    return {
        "record_id": record_id,
        "field_id": field.id,
        "address": checked.address,
        "address_key": checked.key,
        "problem": checked.problem[:300] if checked.problem else None,
    }


def count_added(form: Form, delta: int) -> None:
    """Keep the number of records that the form's name is shown with."""
    db.session.execute(
        update(Form).where(Form.id == form.id).values(record_count=Form.record_count + delta)
    )


def _insert(
    form_id: int, rows: Sequence[Mapping], fields: Sequence[Field], by: User | None, what: str
) -> Sequence[int]:
    """The ids that the records got."""
    now = clock.now()
    ids = db.session.scalars(
        insert(Record).returning(Record.id, sort_by_parameter_order=True),
        [
            {
                "form_id": form_id,
                "values": dict(row),
                "search": search_text(row),
                "created_at": now,
                "changed_at": now,
            }
            for row in rows
        ],
    ).all()
    pairs = list(zip(ids, rows, strict=True))
    if fields:
        db.session.execute(
            insert(RecordAddress),
            [address_row(record_id, field, row) for record_id, row in pairs for field in fields],
        )
    db.session.execute(
        insert(RecordChange),
        [
            {
                "record_id": record_id,
                "user_id": by.id if by else None,
                "user_name": (by.name or by.email) if by else "",
                "what": what,
                "before": {},
                "after": {},
                "at": now,
            }
            for record_id in ids
        ],
    )
    return ids


def _count_usable(ids: Sequence[int]) -> int:
    """How many of some records have an address."""
    told = bindparam("ids", ids, Ids)
    usable = select(RecordAddress.record_id).where(
        is_among(RecordAddress.record_id, told), RecordAddress.address_key.is_not(None)
    )
    return db.session.scalar(select(func.count()).select_from(usable.distinct().subquery())) or 0


def _change(record_id: int, by: User | None, what: str, before: dict, after: dict) -> RecordChange:
    return RecordChange(
        record_id=record_id,
        user_id=by.id if by else None,
        user_name=(by.name or by.email) if by else "",
        what=what,
        before=before,
        after=after,
    )


def _free_key(label: str, taken: set[str]) -> str:
    plain = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode().lower()
    key = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:50]
    if not key or not key[0].isalpha():
        key = f"field_{key}".rstrip("_")
    candidate, number = key, 2
    while candidate in taken:
        candidate, number = f"{key}_{number}", number + 1
    return candidate
