"""The counts of one email, kept by deltas, and the books that people read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from sqlalchemy import Integer, Update, bindparam, update

from webapp.delivery.models import Tally
from webapp.delivery.statuses import Group, Status
from webapp.extensions import db
from webapp.lib import clock

LAST_WORD_AFTER = timedelta(hours=72)


@dataclass(frozen=True)
class Books:
    """selected = the sum of all the others, at every instant: they are read from one row.

    `doubles` are some of the dropped: their address gets the email by an earlier record.
    """

    delivered: int
    sent: int
    still_trying: int
    bounced: int
    dropped: int
    failed: int
    unconfirmed: int
    waiting: int
    doubles: int = 0

    @property
    def selected(self) -> int:
        return sum(self.parts.values())

    @property
    def parts(self) -> dict[str, int]:
        """The summands in the order they are shown in."""
        return {
            "delivered": self.delivered,
            "sent": self.sent,
            "still_trying": self.still_trying,
            "bounced": self.bounced,
            "dropped": self.dropped,
            "failed": self.failed,
            "unconfirmed": self.unconfirmed,
            "waiting": self.waiting,
        }

    @property
    def ended(self) -> int:
        """Not sent, and not tried any more: what selecting.ENDED counts."""
        return self.bounced + self.dropped + self.failed

    @property
    def missed(self) -> int:
        """Those of the ended who are people without the email: doubles are not."""
        return self.ended - self.doubles

    @property
    def not_sent(self) -> int:
        return self.selected - self.delivered - self.sent

    @property
    def groups(self) -> dict[Group, int]:
        return {
            Group.DELIVERED: self.delivered,
            Group.SENT: self.sent,
            Group.NOT_SENT: self.not_sent,
        }


# which statuses each part of the books counts
PARTS: dict[str, tuple[Status, ...]] = {
    "delivered": (Status.DELIVERED,),
    "sent": (Status.SENT,),
    "still_trying": (Status.RETRYING, Status.DEFERRED),
    "bounced": (Status.BOUNCED_SOFT, Status.BOUNCED),
    "dropped": (Status.WITHHELD, Status.DROPPED),
    "failed": (Status.FAILED,),
    "unconfirmed": (Status.UNCONFIRMED,),
    "waiting": (Status.QUEUED,),
}


def books(tally: Tally | None) -> Books:
    """The books as of `tally`; all zero without one."""
    return Books(
        **{
            part: sum(getattr(tally, status.value) for status in statuses) if tally else 0
            for part, statuses in PARTS.items()
        },
        doubles=tally.doubles if tally else 0,
    )


def open_books(bulk_email_id: int) -> Tally:
    """The Tally of an email that has none yet."""
    tally = Tally(bulk_email_id=bulk_email_id, version=1)
    db.session.add(tally)
    db.session.flush()
    return tally


def move(bulk_email_id: int, deltas: Mapping[Status, int], doubles: int = 0) -> None:
    """Add to the counts, in the caller's transaction and as its last lock; the version rises."""
    changes = {status.value: delta for status, delta in deltas.items() if delta}
    if doubles:
        changes["doubles"] = doubles
    db.session.connection().execute(
        _moving(tuple(sorted(changes))), {"email": bulk_email_id, "now": clock.now()} | changes
    )


@lru_cache(maxsize=256)
def _moving(statuses: tuple[str, ...]) -> Update:
    """Built once, as it runs for every few copies."""
    table = Tally.__table__
    added = {name: table.c[name] + bindparam(name, type_=Integer) for name in statuses}
    return (
        update(table)
        .where(table.c.bulk_email_id == bindparam("email"))
        .values(
            version=table.c.version + 1,
            changed_at=bindparam("now", type_=table.c.changed_at.type),
            **added,
        )
    )


def touch(bulk_email_id: int) -> None:
    """Something beside the counts has changed (an open, a stage): pages shall look again."""
    move(bulk_email_id, {})


def is_finished(tally: Tally) -> bool:
    """Nothing waits and nothing is tried again; what is in flight is still queued or retrying."""
    return tally.queued == 0 and tally.retrying == 0


def is_settled(tally: Tally | None, *, is_over: bool, reports: bool, now: datetime) -> bool:
    """Whether nothing is expected to change any more (pages stop asking).

    `is_over`: the email is finished or cancelled; `reports`: its Connection tells more than the
    SMTP answer. A copy that nobody has spoken of for 72 hours is no longer waited for.
    """
    if not is_over:
        return False
    if tally is None or not reports or tally.sent + tally.deferred == 0:
        return True
    return now - tally.changed_at > LAST_WORD_AFTER
