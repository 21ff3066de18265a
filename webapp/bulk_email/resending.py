"""Sending an email again to those who did not get it: looked at first, then a child of its own.

The parent's copies and numbers stay as they are; each of the child's copies names the one it
follows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from webapp.accounts import auditing
from webapp.accounts.models import User
from webapp.bulk_email import scheduling, sending
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.delivery.selecting import Selection
from webapp.extensions import db
from webapp.forms import writing
from webapp.forms.models import Record
from webapp.lib import addresses


@dataclass(frozen=True)
class Wish:
    """What a person asks for: to whom, with which addresses by record id, and whether these shall
    stand in the records from now on. `at` is None for now."""

    selection: Selection
    addresses: Mapping[int, str] = field(default_factory=dict)
    write_back: bool = True
    at: datetime | None = None
    zone: str = "UTC"
    try_for: timedelta = sending.TRY_FOR


def child_of(parent: BulkEmail, wish: Wish) -> BulkEmail:
    """The email that would be sent; not in the session yet."""
    typed = {record_id: text.strip() for record_id, text in wish.addresses.items() if text.strip()}
    kept = ("workspace", "form", "address_field", "one_per", "subject", "body", "from_name")
    kept += ("from_address", "reply_to", "connection", "topic")
    ids = ("workspace_id", "form_id", "address_field_id", "connection_id", "topic_id")
    with db.session.no_autoflush:
        return BulkEmail(
            **{name: getattr(parent, name) for name in (*kept, *ids)},
            parent=parent,
            parent_id=parent.id,
            filter={},
            resend=wish.selection.as_json() | ({"addresses": typed} if typed else {}),
            scheduled_at=wish.at,
            schedule_zone=wish.zone,
            stage=Stage.DRAFT,
        )


def refuse_addresses(wish: Wish) -> dict[int, str]:
    """{record id: what is wrong} of the addresses typed."""
    checked = {each: addresses.check(text) for each, text in wish.addresses.items() if text.strip()}
    return {each: found.problem for each, found in checked.items() if found.problem}


def send_again(
    parent: BulkEmail, wish: Wish, *, nonce: str, by: User, tracked: bool, number: int
) -> BulkEmail:
    """The child, started or scheduled; of one nonce there is one. `number` is how many were said to
    get it. Commits; then wake prepare. Raises mail.merging.MergeError as sending.start does."""
    child, is_new = _store(parent, wish, nonce, by, number)
    if is_new and wish.at:
        scheduling.schedule(child, at=wish.at, zone=wish.zone, by=by, try_for=wish.try_for)
    elif is_new:
        sending.start(child, nonce=child.nonce, by=by, tracked=tracked, try_for=wish.try_for)
    return child


def draft_again(parent: BulkEmail, wish: Wish, *, nonce: str, by: User, number: int) -> BulkEmail:
    """The child as a draft, so that its text can be changed first. Commits."""
    child, _ = _store(parent, wish, nonce, by, number)
    db.session.commit()
    return child


def _store(
    parent: BulkEmail, wish: Wish, nonce: str, by: User, number: int
) -> tuple[BulkEmail, bool]:
    """(the child in the session, whether it is new): a nonce makes it once."""
    own_nonce = f"again-{parent.id}-{nonce}"[:64]
    made = select(BulkEmail).where(BulkEmail.nonce == own_nonce)
    if (found := db.session.scalar(made)) is not None:
        return found, False
    if wish.write_back:
        _write_back(parent, wish.addresses, by)
        wish = replace(wish, addresses={})
    child = child_of(parent, wish)
    child.scheduled_at, child.nonce, child.created_by_id = None, own_nonce, by.id
    try:
        db.session.add(child)
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        return db.session.scalars(made).one(), False
    auditing.note(
        "email.resent",
        workspace=parent.workspace,
        by=by,
        subject=parent,
        name=parent.subject,
        selected=number,
    )
    return child, True


def _write_back(parent: BulkEmail, typed: Mapping[int, str], by: User) -> None:
    """Corrected addresses into the records."""
    key = parent.address_field.key
    for record_id, text in typed.items():
        record = db.session.get(Record, record_id)
        if record is not None and record.form_id == parent.form_id and text.strip():
            writing.edit_record(record, {key: addresses.check(text).address}, by)
