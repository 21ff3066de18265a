"""Across the emails of a workspace: which arrive worse, where, with whom.

How the emails went is read from their tallies. All else is counted by a job, at most a twentieth
of the time, and kept: no page looks at the copies of all emails.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, cast, delete, extract, func, insert, select
from sqlalchemy.orm import InstrumentedAttribute

from webapp.accounts.models import Workspace
from webapp.bulk_email import listing
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.delivery import tallying
from webapp.delivery.models import Recipient, Suppression, Tally
from webapp.delivery.models_insight import WorkspaceInsight
from webapp.delivery.statuses import Status
from webapp.delivery.tallying import Books
from webapp.email_tracker import summing_up
from webapp.extensions import db, reading
from webapp.lib import clock

LAST = 20  # emails that are looked at
RECENT = 5  # of these are compared with the others
WEEKS = 12
MOST_TURNS = 10
MOST_BOUNCING = 20
AGAIN_AFTER = timedelta(hours=12)  # time goes by also where nothing is sent
LEAST_REFUSED, LEAST_RISE = 3, 0.05  # below, a provider has not turned bad
_BOUNCED = (Status.BOUNCED_SOFT, Status.BOUNCED)
_WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Sending:
    """One email of the trend, and its books as they stand now."""

    bulk_email: BulkEmail
    books: Books
    is_settled: bool

    @property
    def lost(self) -> int:
        return self.books.ended

    @property
    def open(self) -> int:
        return self.books.selected - self.books.delivered - self.lost

    def share(self, number: int) -> float:
        """`number` of its copies in per cent."""
        return number * 100 / (self.books.selected or 1)


@dataclass(frozen=True)
class Turn:
    """How one mailbox provider took the last few emails, and how it took those before."""

    name: str
    total: int
    refused: int
    total_before: int
    refused_before: int

    @property
    def share(self) -> float:
        return self.refused / self.total if self.total else 0.0

    @property
    def share_before(self) -> float:
        return self.refused_before / self.total_before if self.total_before else 0.0

    @property
    def is_worse(self) -> bool:
        """At least three copies refused, twice the share of before, and five points more."""
        rise = self.share - self.share_before
        is_double = self.share >= 2 * self.share_before
        return self.refused >= LEAST_REFUSED and is_double and rise >= LEAST_RISE


@dataclass(frozen=True)
class Bouncing:
    """An address that refused several emails (`times`); the rest is of the last one."""

    address_key: str
    address: str
    name: str
    times: int
    status: Status
    cause: str | None
    last_at: datetime


@dataclass(frozen=True)
class Week:
    """Suppressions put on and taken off in seven days from `began`; `active` at their end."""

    began: datetime
    added: int
    lifted: int
    active: int


@dataclass(frozen=True)
class Survey:
    """Everything counted; `recent` of `looked_at` emails are compared with the others."""

    as_of: datetime
    looked_at: int
    recent: int
    turns: list[Turn]
    bouncing: list[Bouncing]
    weeks: list[Week]


def trend(workspace: Workspace) -> list[Sending]:
    """The last emails that were tracked, the newest first, without those that send another again
    and those that were cancelled: they say nothing of delivery."""
    return [
        Sending(email, tallying.books(tally), listing.is_settled(email, tally))
        for email, tally in _emails(workspace.id)
    ]


def survey(workspace: Workspace) -> tuple[Survey | None, bool]:
    """(what was counted last, whether it is as of now); if it is not, wake count."""
    kept = db.session.get(WorkspaceInsight, workspace.id)
    if kept is None:
        return None, False
    return _read(kept.data, kept.computed_at), not _is_old(kept, version(workspace.id))


def version(workspace_id: int) -> str:
    """Changes with every copy of the workspace; a sum over its emails, no look at the copies."""
    number, total = db.session.execute(
        select(func.count(), func.coalesce(func.sum(Tally.version), 0))
        .join(BulkEmail, BulkEmail.id == Tally.bulk_email_id)
        .where(BulkEmail.workspace_id == workspace_id)
    ).one()
    return f"{number}-{total}"


def count(workspace_id: int) -> bool:
    """Count anew, unless that is as of now or was done just now. Commits."""
    kept = db.session.get(WorkspaceInsight, workspace_id)
    if kept and not _is_due(kept, version(workspace_id)):
        return False
    db.session.rollback()
    for bulk_email_id in _large(workspace_id):
        summing_up.count(bulk_email_id)  # takes rests of its own
    began = time.monotonic()
    with reading():
        values = {"version": version(workspace_id), "data": _count(workspace_id, clock.now())}
        db.session.rollback()
    took = round((time.monotonic() - began) * 1000)
    db.session.execute(
        delete(WorkspaceInsight).where(WorkspaceInsight.workspace_id == workspace_id)
    )
    db.session.execute(
        insert(WorkspaceInsight).values(
            workspace_id=workspace_id, took=took, computed_at=clock.now(), **values
        )
    )
    db.session.commit()
    return True


def _is_due(kept: WorkspaceInsight, now: str) -> bool:
    rest = timedelta(milliseconds=kept.took * summing_up.REST)
    return _is_old(kept, now) and clock.now() >= kept.computed_at + rest


def _is_old(kept: WorkspaceInsight, now: str) -> bool:
    return kept.version != now or clock.now() - kept.computed_at > AGAIN_AFTER


def _emails(workspace_id: int) -> Sequence:
    """(email, tally) of the trend."""
    return db.session.execute(
        select(BulkEmail, Tally)
        .join(Tally, Tally.bulk_email_id == BulkEmail.id)
        .where(
            BulkEmail.workspace_id == workspace_id,
            BulkEmail.tracked,
            BulkEmail.started_at.is_not(None),
            BulkEmail.parent_id.is_(None),
            BulkEmail.stage != Stage.CANCELLED,
        )
        .order_by(BulkEmail.started_at.desc(), BulkEmail.id.desc())
        .limit(LAST)
    ).all()


def _large(workspace_id: int) -> list[int]:
    """Emails of the trend whose copies are counted once and kept."""
    ids = [
        email.id
        for email, tally in _emails(workspace_id)
        if tally.selected > summing_up.COUNTED_AT_ONCE
    ]
    db.session.rollback()
    return ids


def _count(workspace_id: int, now: datetime) -> dict:
    """Plain JSON, read by _read."""
    emails = _emails(workspace_id)
    recent = min(RECENT, len(emails) // 2)
    active, weeks = _weeks(workspace_id, now)
    return {
        "looked_at": len(emails),
        "recent": recent,
        "turns": _turns(emails[:recent], emails[recent:]) if recent else [],
        "bouncing": _bouncing(workspace_id),
        "active": active,
        "weeks": weeks,
    }


def _read(data: Mapping, as_of: datetime) -> Survey:
    return Survey(
        as_of=as_of,
        looked_at=data["looked_at"],
        recent=data["recent"],
        turns=[Turn(*row) for row in data["turns"]],
        bouncing=[
            Bouncing(*row[:4], Status(row[4]), row[5], datetime.fromisoformat(row[6]))
            for row in data["bouncing"]
        ],
        weeks=_read_weeks(data["weeks"], data["active"], as_of),
    )


def _turns(recent: Sequence, before: Sequence) -> list[list]:
    """The fields of Turns: first those that rose most, counted in copies."""
    now, then = _by_name(recent), _by_name(before)
    turns = [
        Turn(name, each["n"], each["r"], then[name]["n"], then[name]["r"])
        for name, each in now.items()
        if each["r"]
    ]
    turns.sort(
        key=lambda turn: (
            not turn.is_worse,
            turn.share_before * turn.total - turn.refused,
            turn.name,
        )
    )
    return [[*astuple(turn)] for turn in turns[:MOST_TURNS]]


def _by_name(emails: Sequence) -> defaultdict[str, Counter]:
    """{mailbox provider: n copies, r refused}."""
    sums: defaultdict[str, Counter] = defaultdict(Counter)
    for email, tally in emails:
        for each in summing_up.destinations(email, tally):
            sums[each.name].update(n=each.total, r=each.refused)
    return sums


def _bouncing(workspace_id: int) -> list[list]:
    """The fields of Bouncing, who refused most emails first. Emails sent again count too."""
    emails = (
        select(BulkEmail.id)
        .where(BulkEmail.workspace_id == workspace_id, BulkEmail.tracked)
        .order_by(BulkEmail.id.desc())
        .limit(2 * LAST)
    )
    ids = db.session.scalars(emails).all()
    times = func.count(Recipient.bulk_email_id.distinct())
    is_bounce = (Recipient.bulk_email_id.in_(ids), Recipient.status.in_(_BOUNCED))
    rows = db.session.execute(
        select(Recipient.address_key, times)
        .where(*is_bounce, Recipient.address_key.is_not(None))
        .group_by(Recipient.address_key)
        .having(times > 1)
        .order_by(times.desc(), func.max(Recipient.changed_at).desc(), Recipient.address_key)
        .limit(MOST_BOUNCING)
    ).all()
    keys = [key for key, _ in rows]
    copies = db.session.scalars(
        select(Recipient)
        .where(Recipient.workspace_id == workspace_id, Recipient.address_key.in_(keys), *is_bounce)
        .order_by(Recipient.changed_at, Recipient.id)
    )
    last = {copy.address_key: copy for copy in copies}
    return [
        [
            *(key, last[key].address, last[key].name, number),
            *(last[key].status.value, last[key].cause, last[key].changed_at.isoformat()),
        ]
        for key, number in rows
    ]


def _weeks(workspace_id: int, now: datetime) -> tuple[int, list[list[int]]]:
    """(suppressions now, [added, lifted] of each of the last weeks, the oldest first)."""
    added = _by_week(workspace_id, Suppression.created_at, now)
    lifted = _by_week(workspace_id, Suppression.lifted_at, now)
    active = db.session.scalar(
        select(func.count())
        .select_from(Suppression)
        .where(Suppression.workspace_id == workspace_id, Suppression.lifted_at.is_(None))
    )
    return active or 0, [[added[week], lifted[week]] for week in range(WEEKS)]


def _by_week(workspace_id: int, at: InstrumentedAttribute, now: datetime) -> Counter[int]:
    """{the number-th of the last weeks: how many}."""
    start = now - WEEKS * _WEEK
    seconds = cast(extract("epoch", at), BigInteger) - int(start.timestamp())
    week = (seconds // int(_WEEK.total_seconds())).label("week")
    rows = db.session.execute(
        select(week, func.count())
        .where(Suppression.workspace_id == workspace_id, at > start)
        .group_by("week")
    )
    sums: Counter[int] = Counter()
    for number, found in rows:
        sums[min(number, WEEKS - 1)] += found
    return sums


def _read_weeks(rows: Sequence[Sequence[int]], active: int, as_of: datetime) -> list[Week]:
    """The weeks with what was active at the end of each, reckoned back from now."""
    weeks: list[Week] = []
    for back, (added, lifted) in enumerate(reversed(rows), start=1):
        weeks.append(Week(as_of - back * _WEEK, added, lifted, active))
        active += lifted - added
    return weeks[::-1]
