"""Who of those that did not get an email may be sent it again, and why each other may not: one
SELECT for the preview and for the freezing, so that they cannot differ."""

from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    and_,
    case,
    false,
    func,
    literal,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.orm import aliased

from webapp.bulk_email.models import BulkEmail, OnePer
from webapp.delivery import opting_out, selecting
from webapp.delivery.models import Recipient, Suppression
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.forms.models import Record, RecordAddress
from webapp.lib import addresses, clock
from webapp.mail.causes import Cause

# has it, or may still get it
REACHED = (
    Status.QUEUED,
    Status.RETRYING,
    Status.UNCONFIRMED,
    Status.SENT,
    Status.DEFERRED,
    Status.DELIVERED,
)
# the same address fails the same way; SUPPRESSED may stand on the provider's list
WANT_ANOTHER_ADDRESS = (
    Cause.MAILBOX_MISSING,
    Cause.DOMAIN_MISSING,
    Cause.MAILBOX_DISABLED,
    Cause.SUPPRESSED,
)
WANT_ANOTHER_TEXT = (Cause.BLOCKED_CONTENT, Cause.TOO_LARGE)
# how long to leave a server alone after it said no
BACK_OFF: dict[Cause, timedelta] = {
    Cause.MAILBOX_FULL: timedelta(days=1),
    Cause.TOO_FAST: timedelta(hours=1),
    Cause.GREYLISTED: timedelta(hours=1),
    Cause.UNREACHABLE: timedelta(hours=1),
}


class Refusal(StrEnum):
    """Why somebody who did not get the email is not sent it again."""

    GONE = "gone"
    NO_ADDRESS = "no_address"
    UNSUBSCRIBED = "unsubscribed"
    TURNED_DOWN = "turned_down"
    COMPLAINED = "complained"
    SUPPRESSED = "suppressed"
    SENT_AGAIN = "sent_again"
    TWIN = "twin"
    SAME_ADDRESS = "same_address"
    SAME_TEXT = "same_text"
    TOO_EARLY = "too_early"


def judged(child: BulkEmail, after: int = 0, until: int | None = None) -> Select:
    """(copy_id, record_id, address_key, refusal) of the copies of the parent that are selected and
    have ended without success, with record ids above `after` and up to `until`. A refusal of NULL:
    it is sent again."""
    copy = aliased(Recipient)
    bounds = [copy.record_id > after] if after else []
    if until is not None:
        bounds.append(copy.record_id <= until)
    return _judged(child, copy, copy.status.in_(selecting.ENDED), *bounds)


def judged_of(child: BulkEmail, status: Status, after: int, until: int) -> Select:
    """The same of the copies in one status with ids above `after` and up to `until`: what an index
    finds without looking at any other copy."""
    copy = aliased(Recipient)
    return _judged(child, copy, copy.status == status, copy.id > after, copy.id <= until)


def _judged(child: BulkEmail, copy: type[Recipient], *bounds: ColumnElement[bool]) -> Select:
    _, key, _ = address_columns(child)
    selection = selecting.from_json(child.resend)
    refusal = _refusal(child, copy, key)
    return (
        select(copy.id.label("copy_id"), copy.record_id, key.label("address_key"), refusal)
        .outerjoin(Record, and_(Record.id == copy.record_id, Record.form_id == child.form_id))
        .outerjoin(
            RecordAddress,
            and_(
                RecordAddress.record_id == Record.id,
                RecordAddress.field_id == child.address_field_id,
            ),
        )
        .outerjoin(
            Suppression,
            and_(
                Suppression.workspace_id == child.workspace_id,
                Suppression.address_key == key,
                Suppression.lifted_at.is_(None),
            ),
        )
        .where(
            copy.bulk_email_id == child.parent_id,
            *bounds,
            *selecting.conditions(selection, copy),
        )
    )


def chunk_end(child: BulkEmail, size: int) -> int | None:
    """The record id with which the next `size` copies of the parent end; None when there are none
    that could be sent again. An index alone tells."""
    ids = (
        select(Recipient.record_id)
        .where(
            Recipient.bulk_email_id == child.parent_id,
            Recipient.record_id > child.prepared_to,
            Recipient.record_id <= child.prepare_until,
        )
        .order_by(Recipient.record_id)
        .limit(size)
        .subquery()
    )
    return db.session.scalar(select(func.max(ids.c.record_id)))


def copy_of(child: BulkEmail, record_id: ColumnElement[int]) -> ColumnElement[int | None]:
    """The id of the parent's copy for a record; NULL for an email that is nobody's child."""
    original = aliased(Recipient)
    return (
        select(original.id)
        .where(original.bulk_email_id == child.parent_id, original.record_id == record_id)
        .scalar_subquery()
    )


def address_columns(bulk_email: BulkEmail) -> tuple[ColumnElement, ColumnElement, ColumnElement]:
    """(address, address_key, problem) of a Record joined to its RecordAddress: as in the record, or
    as it was corrected for this email alone."""
    corrected = {
        int(record_id): addresses.check(text)
        for record_id, text in (bulk_email.resend or {}).get("addresses", {}).items()
    }
    own = (RecordAddress.address, RecordAddress.address_key, RecordAddress.problem)
    if not corrected:
        return own
    names = ("address", "key", "problem")
    return tuple(
        case(
            *(
                (Record.id == record_id, literal(getattr(checked, name), column.type))
                for record_id, checked in corrected.items()
            ),
            else_=column,
        )
        for name, column in zip(names, own, strict=True)
    )


def relatives(bulk_email: BulkEmail) -> list[int]:
    """The ids of the emails that say the same to some of the same people: its parent's parents,
    and all children of any of them."""
    root = bulk_email
    while root.parent is not None:
        root = root.parent
    found, level = {root.id}, [root.id]
    while level:
        level = list(db.session.scalars(select(BulkEmail.id).where(BulkEmail.parent_id.in_(level))))
        found.update(level)
    return sorted(found - {bulk_email.id, bulk_email.parent_id})


def _refusal(child: BulkEmail, copy: type[Recipient], key: ColumnElement) -> ColumnElement:
    others, topic = relatives(child), child.topic_id
    reasons = [
        (Record.id.is_(None), Refusal.GONE),
        (key.is_(None), Refusal.NO_ADDRESS),
        (_objects(child, copy, key, Cause.COMPLAINED), Refusal.COMPLAINED),
        (_objects(child, copy, key, Cause.UNSUBSCRIBED), Refusal.UNSUBSCRIBED),
        *([(opting_out.has_opted_out(topic, key), Refusal.TURNED_DOWN)] if topic else []),
        *([(_sent_again(copy, others), Refusal.SENT_AGAIN)] if others else []),
        (Suppression.id.is_not(None), Refusal.SUPPRESSED),
        *([(_twin(copy, key), Refusal.TWIN)] if child.one_per != OnePer.RECORD else []),
        (_is_still(child, copy, key, WANT_ANOTHER_ADDRESS), Refusal.SAME_ADDRESS),
        (_same_text(child, copy), Refusal.SAME_TEXT),
        (_is_too_early(child, copy), Refusal.TOO_EARLY),
    ]
    return case(*((when, literal(str(word))) for when, word in reasons), else_=None).label(
        "refusal"
    )


def _sent_again(copy: type[Recipient], others: Sequence[int]) -> ColumnElement[bool]:
    """Whether another resend has reached the same record, or is about to."""
    again = aliased(Recipient)
    return (
        select(again.id)
        .where(
            again.bulk_email_id.in_(others),
            again.record_id == copy.record_id,
            again.status.in_(REACHED),
        )
        .limit(1)
        .scalar_subquery()
        .is_not(None)
    )


def _twin(copy: type[Recipient], key: ColumnElement) -> ColumnElement[bool]:
    """Whether the same address got the parent by another record. The sum keeps SQLite from looking
    through all who have it, by the index of statuses, for each copy."""
    twin = aliased(Recipient)
    rank = type_coerce(twin.status, Integer) + 0
    return (
        select(twin.id)
        .where(
            twin.bulk_email_id == copy.bulk_email_id,
            twin.address_key == key,
            twin.id != copy.id,
            rank.in_([status.rank for status in REACHED]),
        )
        .limit(1)
        .scalar_subquery()
        .is_not(None)
    )


def _objects(
    child: BulkEmail, copy: type[Recipient], key: ColumnElement, cause: Cause
) -> ColumnElement[bool]:
    """The person does not want mail: by our list, or by what was said of the copy itself."""
    return or_(Suppression.cause == cause.value, _is_still(child, copy, key, (cause,)))


def _is_still(
    child: BulkEmail, copy: type[Recipient], key: ColumnElement, causes: Sequence[Cause]
) -> ColumnElement[bool]:
    """It failed for one of `causes`, and the address is the same, and nobody has said that it
    works again. What we withheld ourselves is no failure: our own lists tell what holds now."""
    lifted = select(Suppression.address_key).where(
        Suppression.workspace_id == child.workspace_id, Suppression.lifted_at.is_not(None)
    )
    return and_(
        _of(copy, causes),
        copy.status != Status.WITHHELD,
        copy.address_key == key,
        key.not_in(lifted),
    )


def _same_text(child: BulkEmail, copy: type[Recipient]) -> ColumnElement[bool]:
    """It was refused for what it says, and it says the same again."""
    parent = child.parent
    if parent is None or (child.subject, child.body) != (parent.subject, parent.body):
        return false()
    return _of(copy, WANT_ANOTHER_TEXT)


def _is_too_early(child: BulkEmail, copy: type[Recipient]) -> ColumnElement[bool]:
    at = child.scheduled_at or clock.now()
    return or_(
        *(
            and_(copy.cause == cause.value, copy.changed_at > at - wait)
            for cause, wait in BACK_OFF.items()
        )
    )


def _of(copy: type[Recipient], causes: Sequence[Cause]) -> ColumnElement[bool]:
    return copy.cause.in_([cause.value for cause in causes])
