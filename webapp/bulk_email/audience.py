"""Who is selected, and what would become of each before anything is sent: one SELECT for the
preview's counts and for the freezing, so that they cannot differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, case, func, literal, select

from webapp.bulk_email import eligibility
from webapp.bulk_email.models import BulkEmail, OnePer
from webapp.delivery import opting_out
from webapp.delivery.models import Recipient, Suppression
from webapp.delivery.statuses import Status, StatusColumn
from webapp.extensions import db
from webapp.forms import filtering
from webapp.forms.models import Record, RecordAddress
from webapp.lib.addresses import MISSING
from webapp.mail.causes import Cause


@dataclass(frozen=True)
class Counts:
    """Everybody selected = the sum of the other four."""

    selected: int
    will_get_it: int
    no_address: int
    duplicates: int
    suppressed: int


def count(bulk_email: BulkEmail) -> Counts:
    """What sending now would do, counted."""
    rows = judged(bulk_email).subquery()
    found = {
        cause: number
        for cause, number in db.session.execute(
            select(rows.c.cause, func.count()).group_by(rows.c.cause)
        )
    }
    total = sum(found.values())
    no_address = found.pop(Cause.INVALID_ADDRESS, 0)
    duplicates = found.pop(Cause.DUPLICATE, 0)
    fine = found.pop(None, 0)
    return Counts(total, fine, no_address, duplicates, sum(found.values()))


def selected(bulk_email: BulkEmail, after: int = 0, until: int | None = None) -> Select:
    """SELECT of the ids of the records that get the email, or are listed with the reason why not:
    those of its filter, and of them, where it is sent again, only who may get it again."""
    statement = filtering.selected_records(bulk_email.form, bulk_email.filter, until)
    if after:
        statement = statement.where(Record.id > after)
    if bulk_email.parent_id is None:
        return statement
    copies = eligibility.judged(bulk_email, after, until).subquery()
    return statement.join(copies, and_(copies.c.record_id == Record.id, copies.c.refusal.is_(None)))


def judged(bulk_email: BulkEmail, after: int = 0, until: int | None = None) -> Select:
    """(record_id, address, address_key, values, status, cause, reason) of the records selected with
    ids above `after` and up to `until`; those up to `after` are Recipients of the email by now."""
    rows = _with_causes(bulk_email, after, until).subquery()
    status = case(
        (rows.c.cause.is_(None), literal(Status.QUEUED, StatusColumn())),
        (rows.c.cause == Cause.INVALID_ADDRESS.value, literal(Status.FAILED, StatusColumn())),
        else_=literal(Status.WITHHELD, StatusColumn()),
    )
    reason = case((rows.c.cause == Cause.INVALID_ADDRESS.value, rows.c.problem), else_="")
    return select(
        rows.c.record_id,
        rows.c.address,
        rows.c.address_key,
        rows.c["values"],
        status.label("status"),
        rows.c.cause,
        reason.label("reason"),
    )


def _with_causes(bulk_email: BulkEmail, after: int, until: int | None) -> Select:
    """Every record with its address, and why it would not be sent to (NULL: it would)."""
    chosen = selected(bulk_email, after, until)
    joined = _address_of(bulk_email, after, until)
    address, key, problem = eligibility.address_columns(bulk_email)
    doubles = _doubles(chosen, joined, key).subquery()
    is_double = [_stands_twice(doubles)] if bulk_email.one_per != OnePer.RECORD else []
    if is_double and after:
        is_double.append(_is_frozen(bulk_email, key))
    cause = case(
        (key.is_(None), literal(Cause.INVALID_ADDRESS.value)),
        *((condition, literal(Cause.DUPLICATE.value)) for condition in is_double),
        (Suppression.cause.in_([Cause.UNSUBSCRIBED, Cause.COMPLAINED]), Suppression.cause),
        (Suppression.id.is_not(None), literal(Cause.SUPPRESSED.value)),
        *_turned_down(bulk_email, key),
        else_=None,
    )
    columns = (
        Record.id.label("record_id"),
        func.coalesce(address, "").label("address"),
        key.label("address_key"),
        func.coalesce(problem, MISSING).label("problem"),
        Record.values,
        cause.label("cause"),
    )
    rows = (
        chosen.with_only_columns(*columns)
        .outerjoin(RecordAddress, joined)
        .outerjoin(
            Suppression,
            and_(
                Suppression.workspace_id == bulk_email.workspace_id,
                Suppression.address_key == key,
                Suppression.lifted_at.is_(None),
            ),
        )
    )
    if _is_postgresql():
        rows = rows.outerjoin(doubles, doubles.c.record_id == Record.id)
    # OFFSET keeps databases from asking once more for each column that is made of the cause
    return rows.offset(0)


def _turned_down(bulk_email: BulkEmail, key: ColumnElement) -> list[tuple]:
    if bulk_email.topic_id is None:
        return []
    return [(opting_out.has_opted_out(bulk_email.topic_id, key), literal(Cause.UNSUBSCRIBED.value))]


def _stands_twice(doubles) -> ColumnElement[bool]:
    """SQLite looks through all doubles for each record it joins them to; PostgreSQL does so where
    it asks whether a record is IN many of them."""
    if _is_postgresql():
        return doubles.c.record_id.is_not(None)  # joined
    return Record.id.in_(select(doubles.c.record_id))


def _doubles(chosen: Select, joined: ColumnElement[bool], key: ColumnElement) -> Select:
    """Ids of those `chosen` whose address stands in an earlier one. Only ids and addresses
    are sorted for it, not whole records."""
    turns = (
        chosen.with_only_columns(
            Record.id.label("record_id"),
            key.label("address_key"),
            func.row_number().over(partition_by=key, order_by=Record.id).label("turn"),
        )
        .join(RecordAddress, joined)
        .subquery()
    )
    return select(turns.c.record_id).where(turns.c.turn > 1, turns.c.address_key.is_not(None))


def _address_of(bulk_email: BulkEmail, after: int, until: int | None) -> ColumnElement[bool]:
    """Joins a record to its address. The bounds follow from the record's own; said again they let
    the database read just that span of the index."""
    bounds = [RecordAddress.record_id > after]
    if until is not None:
        bounds.append(RecordAddress.record_id <= until)
    return and_(
        RecordAddress.record_id == Record.id,
        RecordAddress.field_id == bulk_email.address_field_id,
        *bounds,
    )


def _is_frozen(bulk_email: BulkEmail, key: ColumnElement) -> ColumnElement[bool]:
    """Whether a chunk before has the address: one look into the index of addresses for each record.
    As an EXISTS, PostgreSQL reads all those before into a hash, chunk for chunk; with a word about
    record ids, SQLite walks through them, record for record."""
    found = select(Recipient.id).where(
        Recipient.bulk_email_id == bulk_email.id,
        Recipient.address_key == key,
    )
    return found.limit(1).scalar_subquery().is_not(None)


def values_as_json(column, keys: Sequence[str]):
    """An SQL expression: the JSON object of `keys` out of a record's values."""
    if _is_postgresql():
        pairs = [part for key in keys for part in (key, func.jsonb_extract_path(column, key))]
        return func.jsonb_strip_nulls(func.jsonb_build_object(*pairs))
    pairs = [part for key in keys for part in (key, _sqlite_value(column, key))]
    return func.json_object(*pairs)


def joined_name(column, keys: Sequence[str]):
    """An SQL expression: the person's name, cut to 300 characters."""
    if not keys:
        return literal("")
    parts = [func.coalesce(_as_text(column, key), "") for key in keys]
    name = parts[0]
    for part in parts[1:]:
        name = name.concat(" ").concat(part)
    return func.substr(func.trim(name), 1, 300)


def _sqlite_value(column, key: str):
    """As JSON: a true stays a true and does not become 1."""
    return column.op("->")(f'$."{key}"')


def _as_text(column, key: str):
    if _is_postgresql():
        return func.jsonb_extract_path_text(column, key)
    return func.json_extract(column, f'$."{key}"')


def _is_postgresql() -> bool:
    return db.session.get_bind().dialect.name == "postgresql"


WITHHELD: Mapping[str, str] = {
    Cause.DUPLICATE: "The same address stands in an earlier record.",
    Cause.SUPPRESSED: "The address is on the list of suppressions.",
    Cause.UNSUBSCRIBED: "The person has unsubscribed.",
    Cause.COMPLAINED: "The person complained about an earlier email.",
}


def describe(counts: Counts) -> Mapping[str, int]:
    """The counts that are not zero, in the order they are told."""
    named = {
        "will get it": counts.will_get_it,
        "without a valid address": counts.no_address,
        "with an address that stands there already": counts.duplicates,
        "on the list of suppressions": counts.suppressed,
    }
    return {words: number for words, number in named.items() if number}
