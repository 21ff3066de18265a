"""Who is selected, and what would become of each before anything is sent: one SELECT for the
preview's counts and for the freezing, so that they cannot differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, literal, or_, select

from webapp.bulk_email.models import BulkEmail, OnePer
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


def judged(bulk_email: BulkEmail, after: int = 0, until: int | None = None) -> Select:
    """(record_id, address, address_key, problem, values, status, cause, reason) of the records
    selected with ids above `after` and up to `until`."""
    selected = filtering.selected_records(bulk_email.form, bulk_email.filter, until)
    if after:
        selected = selected.where(Record.id > after)
    chosen = selected.subquery()
    own = (
        select(
            Record.id.label("record_id"),
            func.coalesce(RecordAddress.address, "").label("address"),
            RecordAddress.address_key,
            func.coalesce(RecordAddress.problem, MISSING).label("problem"),
            Record.values,
            func.row_number()
            .over(partition_by=RecordAddress.address_key, order_by=Record.id)
            .label("turn"),
        )
        .join(chosen, chosen.c.id == Record.id)
        .outerjoin(
            RecordAddress,
            and_(
                RecordAddress.record_id == Record.id,
                RecordAddress.field_id == bulk_email.address_field_id,
            ),
        )
        .subquery()
    )
    return _judge(bulk_email, own)


def _judge(bulk_email: BulkEmail, own) -> Select:
    suppression_cause = (
        select(Suppression.cause)
        .where(
            Suppression.workspace_id == bulk_email.workspace_id,
            Suppression.address_key == own.c.address_key,
            Suppression.lifted_at.is_(None),
        )
        .scalar_subquery()
    )
    invalid = own.c.address_key.is_(None)
    cause = case(
        (invalid, literal(Cause.INVALID_ADDRESS.value)),
        (_is_duplicate(bulk_email, own), literal(Cause.DUPLICATE.value)),
        (
            suppression_cause.in_([Cause.UNSUBSCRIBED.value, Cause.COMPLAINED.value]),
            suppression_cause,
        ),
        (suppression_cause.is_not(None), literal(Cause.SUPPRESSED.value)),
        else_=None,
    )
    rows = select(own, cause.label("cause")).subquery()
    status = case(
        (rows.c.cause == Cause.INVALID_ADDRESS.value, literal(Status.FAILED, StatusColumn())),
        (rows.c.cause.is_not(None), literal(Status.WITHHELD, StatusColumn())),
        else_=literal(Status.QUEUED, StatusColumn()),
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


def _is_duplicate(bulk_email: BulkEmail, own) -> ColumnElement[bool]:
    """Whether an earlier record of this email (in this chunk or one before) has the address."""
    if bulk_email.one_per == OnePer.RECORD:
        return literal(False)
    earlier = exists().where(
        Recipient.bulk_email_id == bulk_email.id,
        Recipient.address_key == own.c.address_key,
        Recipient.record_id < own.c.record_id,
    )
    return or_(own.c.turn > 1, earlier)


def values_as_json(column, keys: Sequence[str]):
    """An SQL expression: the JSON object of `keys` out of a record's values."""
    if db.session.get_bind().dialect.name == "postgresql":
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
    """With json() around it a true stays a true and does not become 1."""
    path = f'$."{key}"'
    return func.json(func.json_extract(column, path, "$.none__")).op("->")("$[0]")


def _as_text(column, key: str):
    if db.session.get_bind().dialect.name == "postgresql":
        return func.jsonb_extract_path_text(column, key)
    return func.json_extract(column, f'$."{key}"')


WITHHELD: Mapping[str, str] = {
    Cause.DUPLICATE: "the same address stands in an earlier record",
    Cause.SUPPRESSED: "the address is on the list of suppressions",
    Cause.UNSUBSCRIBED: "the person has unsubscribed",
    Cause.COMPLAINED: "the person complained about an earlier email",
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
