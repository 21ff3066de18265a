"""The invariants of a send, from the rows and the mail server's ledger."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from sqlalchemy import func, select

from tests.smtp_server import Ledger
from webapp.delivery import recomputing
from webapp.delivery.models import Attempt, Recipient, Tally
from webapp.delivery.statuses import Status
from webapp.extensions import db, reading

Imbalance = tuple[int, str, int, int]  # email, status, counted, in the books


@dataclass(frozen=True)
class Finding:
    """One JSON line, and in words what is broken."""

    fault: str
    database: str
    kills: int
    mails: int
    lost: int
    doubled: int
    unflagged: int
    unconfirmed: int
    ok: bool
    broken: tuple[str, ...] = ()
    figures: dict = field(default_factory=dict)

    def line(self) -> str:
        return json.dumps(
            {name: value for name, value in asdict(self).items() if value not in ((), {})}
        )


def snapshot(emails: Sequence[int]) -> tuple[Counter, list[Imbalance]]:
    """Copies by status, and where the books differ: one statement, so one instant (I8)."""
    booked = [getattr(Tally, status.value) for status in Status]
    with reading():
        rows = db.session.execute(
            select(Tally.bulk_email_id, Recipient.status, func.count(Recipient.id), *booked)
            .outerjoin(Recipient, Recipient.bulk_email_id == Tally.bulk_email_id)
            .where(Tally.bulk_email_id.in_(emails))
            .group_by(Tally.bulk_email_id, Recipient.status)
        ).all()
        db.session.rollback()
    counted: Counter = Counter()
    books: dict[int, dict[Status, int]] = {}
    for row in rows:
        books[row[0]] = dict(zip(Status, row[3:], strict=True))
        if row[1]:
            counted[row[0], row[1]] += row[2]
    total: Counter = Counter()
    for (_, status), number in counted.items():
        total[status] += number
    return total, [
        (email, status.value, counted[email, status], number)
        for email, book in books.items()
        for status, number in book.items()
        if counted[email, status] != number
    ]


def judge(
    emails: Sequence[int],
    ledger: Ledger,
    imbalances: Sequence[Imbalance],
    fault: str,
    kills: int,
    *,
    unconfirmed: int = 0,
    doubled: int = 0,
) -> Finding:
    """`unconfirmed` and `doubled`: how many at most the fault may leave."""
    copies = db.session.scalars(select(Recipient).where(Recipient.bulk_email_id.in_(emails))).all()
    ours = {copy.address for copy in copies}
    mails = Counter(address for address in ledger.addresses if address in ours)
    twice = [copy for copy in copies if mails[copy.address] > 1]
    lost = [copy for copy in copies if _is_lost(copy, mails)]
    unflagged = [copy for copy in twice if not _is_flagged(copy)]
    doubtful = [copy for copy in copies if copy.status is Status.UNCONFIRMED]
    broken = {
        f"I1, I6: {len(lost)} lost, such as {_shown(lost)}": lost,
        f"I2: {len(twice)} doubled": len(twice) > doubled,
        f"I3: doubled without a flag: {_shown(unflagged)}": unflagged,
        f"I4: several Message-IDs: {_renamed(ledger)}": _renamed(ledger),
        f"I7: two outcomes under one fence: {_shared_fences(emails)}": _shared_fences(emails),
        f"I8: books that do not balance: {list(imbalances)[:3]}": imbalances,
        "I8: books that do not balance at the end": snapshot(emails)[1],
        f"statuses that the rows do not say: {_miscounted(copies)}": _miscounted(copies),
        f"{len(doubtful)} unconfirmed, {unconfirmed} at most": len(doubtful) > unconfirmed,
    }
    db.session.rollback()
    return Finding(
        fault=fault,
        database=db.engine.dialect.name,
        kills=kills,
        mails=mails.total(),
        lost=len(lost),
        doubled=len(twice),
        unflagged=len(unflagged),
        unconfirmed=len(doubtful),
        ok=not any(broken.values()),
        broken=tuple(sentence for sentence, is_broken in broken.items() if is_broken),
    )


def _is_lost(copy: Recipient, mails: Counter) -> bool:
    """It never came to an end, or its end is not true."""
    if copy.in_flight_at or copy.status is Status.QUEUED:
        return True
    if copy.status is Status.RETRYING and copy.next_try_at is None:
        return True
    if copy.status is Status.UNCONFIRMED:
        return False
    return (copy.status is Status.SENT) != (copy.address in mails)


def _is_flagged(copy: Recipient) -> bool:
    """In doubt still, or sent again after it was."""
    return copy.status is Status.UNCONFIRMED or copy.generation > 0


def _renamed(ledger: Ledger) -> list[str]:
    ids: dict[str, set[bytes]] = defaultdict(set)
    for address, content in ledger.mails:
        ids[address] |= set(re.findall(rb"^Message-ID: *(\S+)", content, re.MULTILINE | re.I))
    return [address for address, found in ids.items() if len(found) != 1]


def _shared_fences(emails: Sequence[int]) -> list[tuple[int, int]]:
    rows = db.session.execute(
        select(Attempt.recipient_id, Attempt.fence)
        .join(Recipient, Recipient.id == Attempt.recipient_id)
        .where(Recipient.bulk_email_id.in_(emails))
        .group_by(Attempt.recipient_id, Attempt.fence)
        .having(func.count() > 1)
    )
    return [(row[0], row[1]) for row in rows]


def _miscounted(copies: Sequence[Recipient]) -> list[int]:
    wrong = []
    for start in range(0, len(copies), 500):
        chunk = copies[start : start + 500]
        found = recomputing.computed([copy.id for copy in chunk])
        wrong += [copy.id for copy in chunk if found[copy.id] is not copy.status]
    return wrong


def _shown(copies: Sequence[Recipient]) -> str:
    return ", ".join(f"{copy.address} ({copy.status})" for copy in copies[:3])
