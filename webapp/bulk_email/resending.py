"""Sending an email again to those who did not get it: looked at first, then a child of its own.

The parent's copies and numbers stay as they are; each of the child's copies names the one it
follows.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import and_, func, select
from sqlalchemy.exc import IntegrityError

from webapp.accounts import auditing
from webapp.accounts.models import User
from webapp.bulk_email import audience, composing, eligibility, scheduling, sending
from webapp.bulk_email.eligibility import Refusal
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.delivery import selecting, tallying
from webapp.delivery.models import Recipient, Tally
from webapp.delivery.selecting import Selection
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.forms import writing
from webapp.forms.models import Record, RecordAddress
from webapp.lib import addresses

LISTED = 20  # people shown for each reason
CORRECTABLE = (Refusal.NO_ADDRESS, Refusal.SUPPRESSED, Refusal.SAME_ADDRESS)


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


@dataclass(frozen=True)
class Person:
    """Somebody of the preview. `address` is where it would go now."""

    copy_id: int
    record_id: int
    name: str
    address: str
    cause: str | None


@dataclass(frozen=True)
class Preview:
    """What sending again would do. `number` get it; `refused` and `standing` (parts of the books)
    count the others, `people` are the first of each reason, "" for those who get it."""

    number: int
    refused: dict[Refusal, int]
    standing: dict[str, int]
    people: dict[str, list[Person]]
    problems: dict[str, str]

    @property
    def correctable(self) -> list[Person]:
        """Those whom another address would help."""
        return [person for reason in CORRECTABLE for person in self.people.get(reason, [])]


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


def preview(parent: BulkEmail, wish: Wish) -> Preview:
    """Who would get it, and why each other would not."""
    child = child_of(parent, wish)
    standing = _standing(parent, wish.selection)
    problems = composing.problems(child)
    if {"form_id", "address_field_id"} & set(problems):
        return Preview(0, {}, standing, {}, problems)
    counts = audience.count(child)
    refused, people = _judged(child)
    if counts.duplicates:
        refused[Refusal.TWIN] = refused.get(Refusal.TWIN, 0) + counts.duplicates
    in_order = {reason: refused[reason] for reason in Refusal if reason in refused}
    return Preview(counts.will_get_it, in_order, standing, people, problems)


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


def _standing(parent: BulkEmail, selection: Selection) -> dict[str, int]:
    """Of the copies selected, those that have not ended without success, by part of the books."""
    ended = set(selecting.ENDED)
    if selection.is_narrow:
        counts = Counter(
            dict(
                db.session.execute(
                    select(Recipient.status, func.count())
                    .where(Recipient.bulk_email_id == parent.id, *selecting.conditions(selection))
                    .group_by(Recipient.status)
                ).all()
            )
        )
    else:
        tally = db.session.get(Tally, parent.id)
        wanted = selecting.FILTERS.get(selection.show, tuple(Status))
        counts = Counter({each: getattr(tally, each.value) for each in wanted} if tally else {})
    found = {
        part: sum(counts[status] for status in statuses)
        for part, statuses in tallying.PARTS.items()
        if not ended & set(statuses)
    }
    return {part: number for part, number in found.items() if number}


def _judged(child: BulkEmail) -> tuple[dict[Refusal, int], dict[str, list[Person]]]:
    """How many are refused for each reason, and the first people of each; "" are those not refused.
    All copies are judged once."""
    rows = eligibility.judged(child).subquery()
    ranked = select(
        rows.c.copy_id,
        func.coalesce(rows.c.refusal, "").label("reason"),
        func.row_number().over(partition_by=rows.c.refusal, order_by=rows.c.copy_id).label("turn"),
        func.count().over(partition_by=rows.c.refusal).label("number"),
    ).subquery()
    first = db.session.execute(select(ranked).where(ranked.c.turn <= LISTED)).all()
    reasons = {row.copy_id: row.reason for row in first}
    people: dict[str, list[Person]] = defaultdict(list)
    for person in _persons(child, list(reasons)):
        people[reasons[person.copy_id]].append(person)
    return {Refusal(row.reason): row.number for row in first if row.reason}, people


def _persons(child: BulkEmail, copy_ids: Sequence[int]) -> list[Person]:
    address, _, _ = eligibility.address_columns(child)
    rows = db.session.execute(
        select(Recipient.id, Recipient.record_id, Recipient.name, address, Recipient.cause)
        .outerjoin(Record, Record.id == Recipient.record_id)
        .outerjoin(
            RecordAddress,
            and_(
                RecordAddress.record_id == Record.id,
                RecordAddress.field_id == child.address_field_id,
            ),
        )
        .where(Recipient.id.in_(copy_ids))
        .order_by(Recipient.id)
    )
    return [Person(row[0], row[1], row[2], row[3] or "", row[4]) for row in rows]
