"""Freezing who gets an email: chunks of INSERT … SELECT, resumable after any of them."""

from sqlalchemy import case, func, insert, select

from webapp.bulk_email import audience, eligibility
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.delivery import passing_on, tallying
from webapp.delivery.models import Recipient
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.forms import filtering
from webapp.forms.models import Record
from webapp.lib import clock
from webapp.mail.causes import Cause

CHUNK = 10_000


def prepare_some(bulk_email_id: int) -> bool:
    """Prepare one chunk and commit; True while there is more to prepare.

    Two workers at the same email: the second finds prepared_to moved on and does nothing.
    """
    _wait_for_relatives(bulk_email_id)
    bulk_email = db.session.get(BulkEmail, bulk_email_id, with_for_update=True)
    if bulk_email is None or bulk_email.stage != Stage.PREPARING or bulk_email.form is None:
        db.session.rollback()
        return False
    begin = bulk_email.prepared_to
    end = _chunk_end(bulk_email)
    if end is None:
        _finish(bulk_email)
        db.session.commit()
        return False
    _freeze_chunk(bulk_email, begin, end)
    counts, doubles = _counts(bulk_email.id, begin, end)
    tallying.move(bulk_email.id, counts, doubles)
    passing_on.note_frozen(bulk_email.id, begin, end, counts)
    bulk_email.prepared_to = end
    db.session.commit()
    return True


def _wait_for_relatives(bulk_email_id: int) -> None:
    """Chunks of an email's children are prepared one after the other: who is in one of them is in
    no other."""
    parent_id = db.session.scalar(select(BulkEmail.parent_id).where(BulkEmail.id == bulk_email_id))
    while parent_id is not None:
        bulk_email_id = parent_id
        parent_id = db.session.scalar(
            select(BulkEmail.parent_id).where(BulkEmail.id == bulk_email_id).with_for_update()
        )


def _chunk_end(bulk_email: BulkEmail) -> int | None:
    """The last record id of the next chunk; None when all are prepared."""
    if bulk_email.parent_id is not None:
        return eligibility.chunk_end(bulk_email, CHUNK)
    ids = (
        filtering.selected_records(bulk_email.form, bulk_email.filter, bulk_email.prepare_until)
        .where(Record.id > bulk_email.prepared_to)
        .order_by(Record.id)
        .limit(CHUNK)
        .subquery()
    )
    return db.session.scalar(select(func.max(ids.c.id)))


def _freeze_chunk(bulk_email: BulkEmail, begin: int, end: int) -> None:
    rows = audience.judged(bulk_email, begin, end).subquery()
    frozen = bulk_email.template
    now = clock.now()
    columns = {
        "bulk_email_id": bulk_email.id,
        "workspace_id": bulk_email.workspace_id,
        "connection_id": bulk_email.connection_id,
        "record_id": rows.c.record_id,
        "name": audience.joined_name(rows.c["values"], frozen["name_fields"]),
        "address": rows.c.address,
        "address_key": rows.c.address_key,
        "merge_values": audience.values_as_json(rows.c["values"], frozen["fields"]),
        "status": rows.c.status,
        "decision": case((rows.c.cause.is_not(None), rows.c.status), else_=None),
        "cause": rows.c.cause,
        "reply": rows.c.reason,
        "next_try_at": now,
    }
    if bulk_email.parent_id is not None:
        columns["resend_of_id"] = eligibility.copy_of(bulk_email, rows.c.record_id)
    literals = [
        db.literal(value, getattr(Recipient, name).type)
        if isinstance(value, (int, str)) or value is now
        else value
        for name, value in columns.items()
    ]
    statement = select(*(value.label(name) for value, name in zip(literals, columns, strict=True)))
    db.session.execute(
        insert(Recipient).from_select(list(columns), statement.order_by(rows.c.record_id))
    )


def _counts(bulk_email_id: int, begin: int, end: int) -> tuple[dict[Status, int], int]:
    """(how many of each status, how many of them are doubles)."""
    double = case((Recipient.cause == Cause.DUPLICATE.value, 1), else_=0)
    rows = db.session.execute(
        select(Recipient.status, func.count(), func.sum(double))
        .where(
            Recipient.bulk_email_id == bulk_email_id,
            Recipient.record_id > begin,
            Recipient.record_id <= end,
        )
        .group_by(Recipient.status)
    ).all()
    return {row[0]: row[1] for row in rows}, sum(row[2] for row in rows)


def _finish(bulk_email: BulkEmail) -> None:
    """Everybody is frozen: sending begins, unless pause or cancel was said meanwhile."""
    bulk_email.stage = bulk_email.wanted_stage or Stage.SENDING
    bulk_email.wanted_stage = None
    tallying.touch(bulk_email.id)
