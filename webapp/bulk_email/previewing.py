"""Who would get an email again and who would not, before anything is sent. Of few copies it is
counted at once; of many by a job, piece by piece, and what was found is good for a while."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, delete, func, select, update
from sqlalchemy.exc import IntegrityError

from webapp.bulk_email import composing, eligibility
from webapp.bulk_email.eligibility import Refusal
from webapp.bulk_email.models import BulkEmail, OnePer
from webapp.bulk_email.models_looks import ResendLook
from webapp.bulk_email.resending import Wish, child_of
from webapp.delivery import selecting, tallying
from webapp.delivery.models import Recipient, Tally
from webapp.delivery.selecting import Selection
from webapp.delivery.statuses import Status
from webapp.extensions import db, reading
from webapp.forms.models import Record, RecordAddress
from webapp.lib import clock

LISTED = 20  # people shown for each reason
CORRECTABLE = (Refusal.NO_ADDRESS, Refusal.SUPPRESSED, Refusal.SAME_ADDRESS)
AT_ONCE = 2_000  # copies; above, a job counts
CHUNK = 10_000
GOOD_FOR = timedelta(minutes=10)
KEPT_FOR = timedelta(days=1)
SILENT_FOR = timedelta(seconds=15)  # a worker that says nothing for so long is dead


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
    count the others, `people` are the first of each reason, "" for those who get it. `as_of` is
    when it was counted; None: just now."""

    number: int
    refused: dict[Refusal, int]
    standing: dict[str, int]
    people: dict[str, list[Person]]
    problems: dict[str, str]
    as_of: datetime | None = None

    @property
    def correctable(self) -> list[Person]:
        """Those whom another address would help."""
        return [person for reason in CORRECTABLE for person in self.people.get(reason, [])]


def preview(parent: BulkEmail, wish: Wish) -> Preview:
    """Counted now, however long it takes."""
    child = child_of(parent, wish)
    problems = composing.problems(child)
    if {"form_id", "address_field_id"} & set(problems):
        return Preview(0, {}, _standing(parent, wish.selection), {}, problems)
    return _read(child, _count(child, lambda judged: None), problems)


def is_quick(parent: BulkEmail, wish: Wish) -> bool:
    """Whether a request may count it: what it looks at is bounded by ids, by the email's size, or
    by the number of copies that failed."""
    tally = db.session.get(Tally, parent.id)
    if wish.selection.ids or tally is None or tally.selected <= AT_ONCE:
        return True
    return not wish.selection.is_narrow and tallying.books(tally).ended <= AT_ONCE


def find(parent: BulkEmail, wish: Wish) -> Preview | ResendLook | None:
    """What a job has counted a short while ago, or how far it is; None: begin."""
    child = child_of(parent, wish)
    look = db.session.scalar(
        select(ResendLook).where(
            ResendLook.bulk_email_id == parent.id, ResendLook.key == _key(child)
        )
    )
    if look is None or (look.finished_at and look.finished_at < clock.now() - GOOD_FOR):
        return None
    if look.found is None:
        return look
    return _read(child, look.found, composing.problems(child), look.finished_at)


def begin(parent: BulkEmail, wish: Wish) -> ResendLook:
    """Ask for it to be counted, anew where it was before. Commits; then wake count."""
    child = child_of(parent, wish)
    key = _key(child)
    old = clock.now() - KEPT_FOR
    is_this = (ResendLook.bulk_email_id == parent.id) & (ResendLook.key == key)
    db.session.execute(delete(ResendLook).where((ResendLook.began_at < old) | is_this))
    made = {"resend": child.resend, "at": wish.at.isoformat() if wish.at else None}
    total = tallying.books(db.session.get(Tally, parent.id)).ended
    look = ResendLook(bulk_email_id=parent.id, key=key, wish=made, total=total)
    db.session.add(look)
    try:
        db.session.commit()
    except IntegrityError:  # somebody asked for the same at the same moment
        db.session.rollback()
        look = db.session.scalars(select(ResendLook).where(is_this)).one()
    return look


def count(look_id: int) -> None:
    """Count it, unless somebody is at it. Commits after every piece."""
    look = db.session.get(ResendLook, look_id)
    silent = clock.now() - SILENT_FOR
    if look is None or look.found is not None or (look.heard_at and look.heard_at > silent):
        db.session.rollback()
        return
    child = child_of(db.session.get_one(BulkEmail, look.bulk_email_id), _wish_of(look))
    _note(look_id, done=0, heard_at=clock.now())
    with reading():
        found = _count(child, lambda judged: _note(look_id, done=ResendLook.done + judged))
        db.session.rollback()
    _note(look_id, found=found, finished_at=clock.now())


def _note(look_id: int, **values) -> None:
    """Progress, in a transaction of its own that begins with the writing."""
    db.session.rollback()
    values = {"heard_at": clock.now()} | values
    db.session.execute(update(ResendLook).where(ResendLook.id == look_id).values(**values))
    db.session.commit()


def _wish_of(look: ResendLook) -> Wish:
    typed = look.wish["resend"].get("addresses", {})
    at = look.wish["at"]
    return Wish(
        selection=selecting.from_json(look.wish["resend"]),
        addresses={int(record_id): text for record_id, text in typed.items()},
        at=datetime.fromisoformat(at) if at else None,
    )


def _key(child: BulkEmail) -> str:
    """Equal for equal wishes, until the email is sent again once more."""
    at = child.scheduled_at.isoformat() if child.scheduled_at else ""
    said = json.dumps([child.resend, at, eligibility.relatives(child)], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()


def _count(child: BulkEmail, tell: Callable[[int], None]) -> dict:
    """Plain JSON, read by _read: {reason: how many}, "" for those who get it, the ids of the first
    copies of each, and the copies left alone. `tell` hears how many copies were judged."""
    numbers: Counter[str] = Counter()
    first: defaultdict[str, list[int]] = defaultdict(list)
    taken: set[int] = set()  # addresses, by their hashes: smaller
    for judged, rows in _pieces(child):
        for copy_id, key, refusal in rows:
            if refusal is None and child.one_per == OnePer.ADDRESS:
                refusal = Refusal.TWIN if hash(key) in taken else None
                taken.add(hash(key))
            numbers[refusal or ""] += 1
            if len(first[refusal or ""]) < LISTED:
                first[refusal or ""].append(copy_id)
        tell(judged)
    selection = selecting.from_json(child.resend)
    return {"numbers": numbers, "first": first, "standing": _standing(child.parent, selection)}


def _pieces(child: BulkEmail) -> Iterator[tuple[int, Sequence]]:
    """(how many copies it is about, [(copy id, address key, refusal)]) of all that ended without
    success, status by status in the order of ids."""
    show = selecting.from_json(child.resend).show
    shown = selecting.FILTERS.get(show, selecting.ENDED)
    for status in (status for status in selecting.ENDED if status in shown):
        after, (until, number) = 0, _bounds(child.parent_id, status, 0)
        while number:
            rows = eligibility.judged_of(child, status, after, until).subquery()
            columns = (rows.c.copy_id, rows.c.address_key, rows.c.refusal)
            yield number, db.session.execute(select(*columns).order_by(rows.c.copy_id)).all()
            after, (until, number) = until, _bounds(child.parent_id, status, until)


def _bounds(parent_id: int, status: Status, after: int) -> tuple[int, int]:
    """(the last id of the next copies in a status, how many they are): an index alone tells."""
    ids = (
        select(Recipient.id)
        .where(
            Recipient.bulk_email_id == parent_id,
            Recipient.status == status,
            Recipient.id > after,
        )
        .order_by(Recipient.id)
        .limit(CHUNK)
        .subquery()
    )
    until, number = db.session.execute(select(func.max(ids.c.id), func.count())).one()
    return until, number


def _read(
    child: BulkEmail, found: dict, problems: dict[str, str], as_of: datetime | None = None
) -> Preview:
    numbers, first = found["numbers"], found["first"]
    persons = {each.copy_id: each for each in _persons(child, sum(first.values(), []))}
    return Preview(
        number=numbers.get("", 0),
        refused={reason: numbers[reason] for reason in Refusal if reason in numbers},
        standing=found["standing"],
        people={
            reason: [persons[copy_id] for copy_id in sorted(ids) if copy_id in persons]
            for reason, ids in first.items()
        },
        problems=problems,
        as_of=as_of,
    )


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
