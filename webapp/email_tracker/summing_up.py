"""What the Overview says beyond the Tally: why copies failed, at which mailbox providers, and when.

A small email is counted whenever it is looked at. A large one is counted by a job, at most a
twentieth of the time, and pages show what was counted last: none of them looks at all copies.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, case, cast, delete, extract, func, insert, select

from webapp.bulk_email.listing import Glimpse
from webapp.bulk_email.models import BulkEmail
from webapp.columns import domain_part
from webapp.delivery import failing, selecting
from webapp.delivery.grouping import CONSUMER_DOMAINS
from webapp.delivery.models import MailDomain, Recipient, Tally
from webapp.delivery.models_insight import Insight
from webapp.delivery.statuses import Status
from webapp.delivery.tallying import PARTS
from webapp.email_tracker import attention
from webapp.email_tracker.attention import Attentions
from webapp.extensions import db, reading
from webapp.lib import clock

COUNTED_AT_ONCE = 5_000  # copies; above, a job counts
REST = 20  # how many times as long as counting lasted nothing is counted again
NAMED = failing.NAMED
MOST_DOMAINS = 5_000  # told apart, the worst first
MOST_PROVIDERS = 10
MOST_DESTINATIONS = 200  # kept for the comparison of emails
REFUSED = (Status.DROPPED, Status.BOUNCED_SOFT, Status.BOUNCED)
MINUTES, HOURS = 60, 48  # drawn by minute, then by hour up to, then by day
SHOW_OF: dict[Status, str] = {
    status: "ended" if status in selecting.ENDED else part
    for part, statuses in PARTS.items()
    for status in statuses
}


@dataclass(frozen=True)
class Failure:
    """Copies that failed, or are still tried, for one cause; `names` are the first of them."""

    status: Status
    cause: str
    number: int
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Provider:
    """What became of the copies to one mailbox provider; "" are all others. `lost`: not sent, and
    not tried any more; `open`: no verdict yet."""

    name: str
    delivered: int
    lost: int
    open: int

    @property
    def total(self) -> int:
        return self.delivered + self.lost + self.open


@dataclass(frozen=True)
class Destination:
    """How many copies went to one mailbox provider, and how many of them it refused."""

    name: str
    total: int
    refused: int


@dataclass(frozen=True)
class Moment:
    """What was decided in one minute, hour or day (`unit`), the `number`-th since the start."""

    unit: str
    number: int
    delivered: int
    lost: int


@dataclass(frozen=True)
class Figures:
    """Everything counted of one email; `as_of` is when."""

    as_of: datetime
    failures: list[Failure] = field(default_factory=list)
    providers: list[Provider] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    attention: Attentions = field(default_factory=Attentions)


def figures(bulk_email: BulkEmail, tally: Tally | None) -> tuple[Figures | None, bool]:
    """(what is known now, whether it is as of now); None while a large email was never counted. If
    it is not as of now, wake count."""
    if tally is None:
        return Figures(clock.now()), True
    if tally.selected <= COUNTED_AT_ONCE:
        return _read(_count(bulk_email), clock.now()), True
    kept = db.session.get(Insight, bulk_email.id)
    if kept is None:
        return None, False
    return _read(kept.data, kept.computed_at), kept.version == tally.version


def mark(glimpse: Glimpse) -> tuple[str, bool]:
    """(a text that changes when there are newer counts of a large email, whether they are as of
    now): one look at one row."""
    if glimpse.selected <= COUNTED_AT_ONCE:
        return "", True
    kept = db.session.execute(
        select(Insight.computed_at, Insight.version).where(
            Insight.bulk_email_id == glimpse.email_id
        )
    ).first()
    if kept is None:
        return "-never", False
    is_current = kept.version == glimpse.tally_version
    return f"-{kept.computed_at.timestamp():.2f}", is_current


def count(bulk_email_id: int) -> bool:
    """Count a large email anew, unless that is as of now or was done just now. Commits."""
    with reading():
        values = _due_counts(bulk_email_id)
        db.session.rollback()
    if values is None:
        return False
    db.session.execute(delete(Insight).where(Insight.bulk_email_id == bulk_email_id))
    db.session.execute(insert(Insight).values(bulk_email_id=bulk_email_id, **values))
    db.session.commit()
    return True


def _due_counts(bulk_email_id: int) -> dict | None:
    """The columns of an Insight, counted without a lock; None where it is too early."""
    bulk_email = db.session.get(BulkEmail, bulk_email_id)
    tally = db.session.get(Tally, bulk_email_id)
    kept = db.session.get(Insight, bulk_email_id)
    if bulk_email is None or tally is None or (kept and not _is_due(kept, tally)):
        return None
    version, began = tally.version, time.monotonic()
    data = _count(bulk_email)
    took = round((time.monotonic() - began) * 1000)
    return {"version": version, "took": took, "computed_at": clock.now(), "data": data}


def _is_due(kept: Insight, tally: Tally) -> bool:
    rest = timedelta(milliseconds=kept.took * REST)
    is_complete = "destinations" in kept.data
    is_current = kept.version == tally.version and is_complete
    return not is_current and clock.now() >= kept.computed_at + rest


def destinations(bulk_email: BulkEmail, tally: Tally) -> list[Destination]:
    """How each mailbox provider took an email; of a large one as it was counted last, [] where it
    never was."""
    if tally.selected <= COUNTED_AT_ONCE:
        rows = _destinations(_sums(bulk_email.id))
    else:
        kept = db.session.get(Insight, bulk_email.id)
        rows = kept.data.get("destinations", []) if kept else []
    return [Destination(*row) for row in rows]


def attentions(bulk_email: BulkEmail, tally: Tally | None) -> Attentions:
    """Who opened and who clicked; of a large email as it was counted last."""
    if tally is None or tally.selected <= COUNTED_AT_ONCE:
        return attention.read(attention.count(bulk_email.id))
    kept = db.session.get(Insight, bulk_email.id)
    return attention.read(kept.data.get("attention") if kept else None)


def _count(bulk_email: BulkEmail) -> dict:
    """Plain JSON, read by _read."""
    sums = _sums(bulk_email.id)
    return {
        "failures": failing.failures(bulk_email.id),
        "providers": _providers(sums),
        "destinations": _destinations(sums),
        "moments": _moments(bulk_email),
        "attention": attention.count(bulk_email.id),
    }


def _read(data: Mapping, as_of: datetime) -> Figures:
    return Figures(
        as_of=as_of,
        failures=[
            Failure(Status(status), cause, number, tuple(names))
            for status, cause, number, names in data["failures"]
        ],
        providers=[Provider(*row) for row in data["providers"]],
        moments=[Moment(*row) for row in data["moments"]],
        attention=attention.read(data.get("attention")),
    )


def _sums(bulk_email_id: int) -> dict[str, Counter]:
    """By mailbox provider: d, l, o as in _providers, and r: refused by it."""
    domain = domain_part(Recipient.address_key)
    delivered = _sum_of((Status.DELIVERED,))
    lost = _sum_of(selecting.ENDED)
    refused = _sum_of(REFUSED)
    by_domain = (
        select(
            *(domain.label("domain"), delivered.label("d"), lost.label("l")),
            *(func.count().label("n"), refused.label("r")),
        )
        .where(Recipient.bulk_email_id == bulk_email_id, Recipient.address_key.is_not(None))
        .group_by(domain)
        .order_by(lost.desc(), func.count().desc())
        .limit(MOST_DOMAINS)
        .subquery()
    )
    rows = db.session.execute(
        select(by_domain, MailDomain.operator).outerjoin(
            MailDomain, MailDomain.name == by_domain.c.domain
        )
    )
    sums: dict[str, Counter] = {}
    for name, good, bad, total, refused_here, operator in rows:
        key = CONSUMER_DOMAINS.get(name) or operator or name
        counted = {"d": good, "l": bad, "o": total - good - bad, "r": refused_here}
        sums.setdefault(key, Counter()).update(counted)
    return sums


def _providers(sums: Mapping[str, Counter]) -> list[list]:
    """[name, delivered, lost, open], the worst first, and last all the others as one."""
    worst = sorted(sums, key=lambda name: (-sums[name]["l"], -_total(sums[name]), name))
    shown = [_row(name, sums[name]) for name in worst[:MOST_PROVIDERS]]
    others = sum((sums[name] for name in worst[MOST_PROVIDERS:]), Counter())
    return [*shown, _row("", others)] if _total(others) else shown


def _destinations(sums: Mapping[str, Counter]) -> list[list]:
    """[name, total, refused], those that refuse most first."""
    worst = sorted(sums, key=lambda name: (-sums[name]["r"], -_total(sums[name]), name))
    rows = [[name, _total(sums[name]), sums[name]["r"]] for name in worst]
    return rows[:MOST_DESTINATIONS]


def _total(counts: Counter) -> int:
    return counts["d"] + counts["l"] + counts["o"]


def _row(name: str, counts: Counter) -> list:
    return [name, counts["d"], counts["l"], counts["o"]]


def _moments(bulk_email: BulkEmail) -> list[list]:
    """[unit, number, delivered, lost] of the times at which copies were delivered or given up."""
    if bulk_email.started_at is None:
        return []
    start = int(bulk_email.started_at.timestamp())
    at = func.coalesce(Recipient.delivered_at, Recipient.changed_at)
    minute = (cast(extract("epoch", at), BigInteger) - start) // 60
    unit = case((minute < MINUTES, "minute"), (minute < HOURS * 60, "hour"), else_="day")
    number = case(
        (minute < 0, 0),
        (minute < MINUTES, minute),
        (minute < HOURS * 60, minute // 60),
        else_=minute // 1440,
    )
    rows = db.session.execute(
        select(
            unit.label("unit"),
            number.label("number"),
            _sum_of((Status.DELIVERED,)),
            _sum_of(selecting.ENDED),
        )
        .where(
            Recipient.bulk_email_id == bulk_email.id,
            Recipient.status.in_((Status.DELIVERED, *selecting.ENDED)),
        )
        .group_by("unit", "number")
    ).all()
    order = ("minute", "hour", "day")
    return sorted(([*row] for row in rows), key=lambda row: (order.index(row[0]), row[1]))


def _sum_of(statuses: Sequence[Status]):
    return func.sum(case((Recipient.status.in_(statuses), 1), else_=0))
