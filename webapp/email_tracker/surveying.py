"""Across the emails of a workspace: which arrive worse, where, with whom.

How the emails went is read from their tallies. All else is counted by a job, at most a twentieth
of the time, and kept: no page looks at the copies of all emails.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, insert, select

from webapp.accounts.models import Workspace
from webapp.bulk_email import listing
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.delivery import tallying
from webapp.delivery.models import Tally
from webapp.delivery.models_insight import WorkspaceInsight
from webapp.delivery.statuses import Status
from webapp.delivery.tallying import Books
from webapp.email_tracker import bouncing, comparing, summing_up
from webapp.email_tracker.bouncing import Bouncing, Week
from webapp.email_tracker.comparing import Turn
from webapp.extensions import db, reading
from webapp.lib import clock

LAST = 20  # emails that are looked at
RECENT = 5  # of these are compared with the others
AGAIN_AFTER = timedelta(hours=12)  # time goes by also where nothing is sent


@dataclass(frozen=True)
class Sending:
    """One email of the trend, and its books as they stand now."""

    bulk_email: BulkEmail
    books: Books
    is_settled: bool

    @property
    def people(self) -> int:
        """The copies selected without the doubles, who got it by an earlier record."""
        return self.books.selected - self.books.doubles

    @property
    def lost(self) -> int:
        return self.books.missed

    @property
    def open(self) -> int:
        return self.people - self.books.delivered - self.lost

    def share(self, number: int) -> float:
        """`number` of its people in per cent."""
        return number * 100 / (self.people or 1)


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
    active, weeks = bouncing.weeks(workspace_id, now)
    return {
        "looked_at": len(emails),
        "recent": recent,
        "turns": comparing.turns(emails[:recent], emails[recent:]) if recent else [],
        "bouncing": bouncing.bouncing(workspace_id, LAST),
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
        weeks=bouncing.read_weeks(data["weeks"], data["active"], as_of),
    )
