"""What people did about a copy after it was made: a corrected address, a suppression set or lifted,
the same email sent again."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import aliased

from webapp.accounts.models import User
from webapp.bulk_email.models import BulkEmail
from webapp.delivery.models import Recipient, Suppression
from webapp.extensions import db
from webapp.forms.models import RecordChange
from webapp.mail.causes import WORDS, Cause

MOST = 50  # of each kind


@dataclass(frozen=True)
class Correction:
    """One such act: when, what, by whom or why."""

    at: datetime
    title: str
    note: str = ""


def of(copy: Recipient) -> list[Correction]:
    """All of them, in no order."""
    return [*_addresses(copy), *_suppressions(copy), *_resends(copy)]


def _addresses(copy: Recipient) -> Iterator[Correction]:
    """Changes of the address in the record since the copy was made."""
    bulk_email = db.session.get(BulkEmail, copy.bulk_email_id)
    if copy.record_id is None or bulk_email is None or bulk_email.address_field is None:
        return
    key = bulk_email.address_field.key
    changes = db.session.scalars(
        select(RecordChange)
        .where(RecordChange.record_id == copy.record_id, RecordChange.at >= copy.created_at)
        .order_by(RecordChange.id.desc())
        .limit(MOST)
    )
    for change in changes:
        if change.what == "edited" and key in change.after:
            before, after = (values.get(key) or "blank" for values in (change.before, change.after))
            title = f"The address in the record was changed from {before} to {after}"
            yield Correction(change.at, title, f"By {change.user_name or 'the program'}.")


def _suppressions(copy: Recipient) -> Iterator[Correction]:
    """What was said of mail to its address at all: from then on, and no more."""
    lifter = aliased(User)
    rows = db.session.execute(
        select(Suppression, User.name, lifter.name)
        .outerjoin(User, User.id == Suppression.created_by_id)
        .outerjoin(lifter, lifter.id == Suppression.lifted_by_id)
        .where(
            Suppression.workspace_id == copy.workspace_id,
            Suppression.address_key == copy.address_key,
        )
        .order_by(Suppression.id.desc())
        .limit(MOST)
    )
    for suppression, by, lifted_by in rows:
        why = WORDS[Cause(suppression.cause)].sentence if suppression.cause in list(Cause) else ""
        note = " ".join(filter(None, [why, f"By {by}." if by else ""]))
        yield Correction(suppression.created_at, "The address gets no more mail from here", note)
        if suppression.lifted_at:
            note = " ".join(filter(None, [suppression.lifted_reason, f"By {lifted_by or '–'}."]))
            yield Correction(suppression.lifted_at, "The address may get mail again", note)


def _resends(copy: Recipient) -> Iterator[Correction]:
    """Copies of later emails that send this one again."""
    again = db.session.scalars(
        select(Recipient).where(Recipient.resend_of_id == copy.id).limit(MOST)
    )
    for each in again:
        yield Correction(each.created_at, f"Sent again, to {each.address or 'no address'}")
