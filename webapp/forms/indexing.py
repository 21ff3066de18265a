"""The texts by which a search finds the records of a large form: kept behind whatever writes
records, so that an import does not wait for them.

Who writes or deletes records notes their ids in the same transaction (`note`). Texts are made anew
for a chunk of them at a time; until then a search looks at the records noted themselves.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, delete, exists, func, insert, select

from webapp.extensions import db
from webapp.forms.models import Record, RecordText, StaleRecords
from webapp.rows import insert_into

CHUNK = 1_000
PIECES = 100


def note(form_id: int, ids: Sequence[int]) -> None:
    """Records of a form have been written, or are to be deleted. In the caller's transaction."""
    if rows := [{"form_id": form_id, "first_id": a, "last_id": b} for a, b in _runs(ids)]:
        db.session.execute(insert(StaleRecords), rows)


def note_all(form_id: int, *, of: int | None = None) -> None:
    """All records of a form (or all that are still in the form `of`)."""
    first, last = db.session.execute(
        select(func.min(Record.id), func.max(Record.id)).where(Record.form_id == (of or form_id))
    ).one()
    if first is not None:
        row = {"form_id": form_id, "first_id": first, "last_id": last}
        db.session.execute(insert(StaleRecords), [row])


def is_due() -> bool:
    """Whether records were noted whose texts are not made yet."""
    return db.session.scalar(select(StaleRecords.id).limit(1)) is not None


def stale_ids(form_id: int, most: int) -> list[int] | None:
    """The records of a form whose texts do not say yet what is in them. None: more than `most`, or
    here and there."""
    stale = select(StaleRecords.first_id, StaleRecords.last_id).where(
        StaleRecords.form_id == form_id
    )
    pieces = db.session.execute(stale.limit(PIECES + 1)).all()
    found: list[int] = []
    for first, last in pieces:
        ids = select(Record.id).where(*_within(Record, form_id, first, last))
        found += db.session.scalars(ids.limit(most + 1 - len(found)))
        if len(found) > most:
            return None
    return found if len(pieces) <= PIECES else None


def index_some() -> bool:
    """Make the texts of a chunk anew, what was noted last at first; whether there may be more.
    Commits."""
    stale = db.session.scalars(
        select(StaleRecords).order_by(StaleRecords.id.desc()).limit(1).with_for_update()
    ).first()
    if stale is None:
        db.session.rollback()
        return False
    end = _end_of_chunk(stale)
    _index(stale.form_id, stale.first_id, end)
    if end < stale.last_id:
        stale.first_id = end + 1
    else:
        db.session.delete(stale)
    db.session.commit()
    return True


def _runs(ids: Sequence[int]) -> list[list[int]]:
    """[first, last] of ids that follow each other."""
    runs: list[list[int]] = []
    for each in sorted(ids):
        if runs and each == runs[-1][1] + 1:
            runs[-1][1] = each
        else:
            runs.append([each, each])
    return runs


def _end_of_chunk(stale: StaleRecords) -> int:
    """The id up to which there are at most a chunk of records, and of texts."""
    ends = [stale.last_id]
    for model in (Record, RecordText):
        ids = select(model.id).where(*_within(model, stale.form_id, stale.first_id, stale.last_id))
        end = db.session.scalar(ids.order_by(model.id).offset(CHUNK - 1).limit(1))
        ends += [] if end is None else [end]
    return min(ends)


def _index(form_id: int, first: int, last: int) -> None:
    is_there = exists().where(Record.id == RecordText.id, Record.form_id == form_id)
    gone = delete(RecordText).where(*_within(RecordText, form_id, first, last), ~is_there)
    db.session.execute(gone.execution_options(synchronize_session=False))
    texts = (
        select(Record.id, Record.form_id, Record.search)
        .where(*_within(Record, form_id, first, last))
        .order_by(Record.id)
    )
    statement = insert_into(RecordText).from_select(["id", "form_id", "search"], texts)
    new = statement.excluded
    db.session.execute(
        statement.on_conflict_do_update(
            index_elements=["id"],
            set_={"form_id": new.form_id, "search": new.search},
            where=(RecordText.search != new.search) | (RecordText.form_id != new.form_id),
        )
    )


def _within(
    model: type[Record | RecordText], form_id: int, first: int, last: int
) -> list[ColumnElement[bool]]:
    return [model.form_id == form_id, model.id.between(first, last)]
