"""What stored Arrivals say is set to what they are read as now: the one case in which a status
falls. Events that no longer hold are superseded, new ones stored, what follows is recomputed."""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import BindParameter, bindparam, insert, select

from webapp.columns import Ids, is_among
from webapp.delivery import (
    parking,
    raising,
    recomputing,
    recording,
    superseding,
    suppressing,
    tokens,
)
from webapp.delivery.models import Arrival, Event, MatchedBy, Recipient, Suppression
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.lib import clock
from webapp.mail.causes import Cause
from webapp.mail.reports import Report, ReportKind

READ_ANEW = "The report that caused it was read anew"
TRAY = timedelta(days=90)  # what is older has left the Unmatched tray, and stays away
EXAMPLES = 10
Pair = tuple[int, int | None]  # copy and key: what makes an Event the same


@dataclass
class Revision:
    """What has changed; they add up. Events by kind, copies by their statuses before and after."""

    arrivals: int = 0
    added: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    gone: Counter[str] = field(default_factory=Counter)
    statuses: Counter[tuple[Status, Status]] = field(default_factory=Counter)
    parked: int = 0
    unparked: int = 0
    suppressed: int = 0
    lifted: int = 0
    read_again: int = 0  # Arrivals that could not be read before
    unreadable: int = 0  # those that cannot be read (any more): they stay as they are
    examples: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        counted = (self.added, self.changed, self.gone, self.statuses)
        numbers = (self.parked, self.unparked, self.suppressed, self.lifted, self.read_again)
        return not any(counted) and not any(numbers)

    def __iadd__(self, other: "Revision") -> "Revision":
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)
        del self.examples[EXAMPLES:]
        return self


def revise(
    arrivals: Sequence[Arrival], reports: Mapping[int, Sequence[Report]], token_key: bytes
) -> Revision:
    """Make the Events of these Arrivals what their Reports say now; `reports` by Arrival id. What a
    person has said stays. In the caller's transaction."""
    revision = Revision(arrivals=len(arrivals))
    said = [
        item
        for arrival in arrivals
        for item in recording.said_by(arrival, reports[arrival.id])
        if not _is_of_test(item.report, token_key)
    ]
    rows, unmatched = recording.rows_of(said, token_key)
    old, new = _events_of(arrivals), _with_owners(arrivals, rows)

    gone = [old[pair] for pair in old.keys() - new.keys()]
    changed = [old[pair] for pair in old.keys() & new.keys() if _differs(old[pair], new[pair])]
    fresh = [new[pair] for pair in new if pair not in old or old[pair] in changed]
    revision.gone.update(event.kind for event in gone)
    revision.changed.update(event.kind for event in changed)
    revision.added.update(row["kind"] for pair, row in new.items() if pair not in old)
    _exchange([*gone, *changed], fresh, {each.id: each for each in arrivals}, revision)

    now = clock.now()
    in_tray = [item for item in unmatched if now - item.received_at < TRAY]
    ids = [arrival.id for arrival in arrivals]
    revision.parked, revision.unparked = parking.park_anew(ids, in_tray)
    return revision


def _is_of_test(report: Report, token_key: bytes) -> bool:
    """What is said of test mails is noted when it comes, and in no books."""
    return bool(report.token) and tokens.read_test_token(token_key, report.token) is not None


def _events_of(arrivals: Iterable[Arrival]) -> dict[Pair, Event]:
    """The Events that these Arrivals brought and that count, but those that a person matched."""
    events = db.session.scalars(
        select(Event)
        .where(
            Event.arrival_id.in_([arrival.id for arrival in arrivals]),
            Event.superseded_at.is_(None),
            Event.matched_by != MatchedBy.PERSON,
        )
        .order_by(Event.id)
    )
    return {(event.recipient_id, event.key): event for event in events}


def _with_owners(arrivals: Iterable[Arrival], rows: Sequence[dict]) -> dict[Pair, dict]:
    """The row of each Event to be. Several Arrivals may bring the same one: it belongs to the one
    that has it already, and what others have is none of these."""
    by_pair: dict[Pair, list[dict]] = defaultdict(list)
    for row in rows:
        by_pair[row["recipient_id"], row["key"]].append(row)
    owners = _owners(by_pair)
    ours = {arrival.id for arrival in arrivals}
    chosen: dict[Pair, dict] = {}
    for pair, candidates in by_pair.items():
        owner = owners.get(pair)
        if pair not in owners or owner in ours:
            own = [row for row in candidates if row["arrival_id"] == owner]
            chosen[pair] = (own or candidates)[0]
    return chosen


def _owners(pairs: Collection[Pair]) -> dict[Pair, int | None]:
    """The Arrival that brought each Event there is of these."""
    stored = db.session.execute(
        select(Event.recipient_id, Event.key, Event.arrival_id).where(
            is_among(Event.recipient_id, _ids({recipient_id for recipient_id, _ in pairs})),
            is_among(Event.key, _ids({key for _, key in pairs})),
        )
    )
    return {(row.recipient_id, row.key): row.arrival_id for row in stored}


def _ids(ids: Iterable[int]) -> BindParameter:
    return bindparam(None, sorted(ids), Ids)


def _differs(event: Event, row: dict) -> bool:
    """The pair says that they are the same; this, whether they say the same."""
    names = ("kind", "status", "cause", "reply", "native", "is_conflict")
    before = [getattr(event, name) for name in names]
    return before != [row[name] for name in names] or event.details != _plain(row["details"])


def _plain(details: dict) -> dict:
    return json.loads(json.dumps(details))


def _exchange(
    old: Sequence[Event], fresh: Sequence[dict], arrivals: Mapping[int, Arrival], revision: Revision
) -> None:
    """Supersede `old`, store `fresh`, and set right what follows from them."""
    old_ids = [event.id for event in old]
    suppressed_before = {each.recipient_id for each in old if _suppresses(each.kind, each.cause)}
    ids = sorted({event.recipient_id for event in old} | {row["recipient_id"] for row in fresh})
    raising.lock(ids)  # all of them at once and first, as recording does: the Tally is locked last
    before = _statuses(ids)
    superseding.supersede(old_ids)
    stored = _insert(fresh)
    recomputing.recompute(ids)
    revision.lifted = superseding.lift_what_they_caused(old_ids, READ_ANEW)
    revision.suppressed = _suppress(
        [
            (event_id, row)
            for event_id, row in stored
            if _suppresses(row["kind"], row["cause"])
            and not row["is_conflict"]
            and row["recipient_id"] not in suppressed_before
        ],
        arrivals,
    )
    after = _statuses(ids)
    for identity in ids:
        if before[identity].status is not after[identity].status:
            pair = (before[identity].status, after[identity].status)
            revision.statuses[pair] += 1
            revision.examples.append(f"{after[identity].address}: {pair[0]} → {pair[1]}")
    del revision.examples[EXAMPLES:]


def _statuses(ids: Sequence[int]) -> dict:
    """{copy: (id, status, address)}."""
    found = {}
    for start in range(0, len(ids), 500):
        rows = db.session.execute(
            select(Recipient.id, Recipient.status, Recipient.address).where(
                Recipient.id.in_(ids[start : start + 500])
            )
        )
        found |= {row.id: row for row in rows}
    return found


def _insert(rows: Sequence[dict]) -> list[tuple[int, dict]]:
    """(id, row) of each Event stored; rows have different pairs, which no Event has by now."""
    if not rows:
        return []
    rows = sorted(rows, key=lambda row: (row["recipient_id"], row["key"]))
    ids = insert(Event).returning(Event.id, sort_by_parameter_order=True)
    # without the option SQLAlchemy parts them by which of their values are NULL
    stored = db.session.scalars(ids, rows, execution_options={"render_nulls": True})
    return list(zip(stored, rows, strict=True))


def _suppresses(kind: str, cause: str | None) -> bool:
    report = Report(ReportKind(kind), None, None, None, cause=Cause(cause) if cause else None)
    return recording.suppressing_cause(report) is not None


def _suppress(proofs: Sequence[tuple[int, dict]], arrivals: Mapping[int, Arrival]) -> int:
    """Suppress whom new Events prove not to be there or not to want mail, unless a person has
    lifted it since the Arrival; how many."""
    number = 0
    for event_id, row in proofs:
        arrival = arrivals[row["arrival_id"]]
        copy = db.session.get_one(Recipient, row["recipient_id"])
        known = db.session.scalar(
            select(Suppression.id)
            .where(
                Suppression.workspace_id == arrival.workspace_id,
                Suppression.address_key == copy.address_key,
                Suppression.lifted_at.is_(None) | (Suppression.lifted_at > arrival.received_at),
                Suppression.lifted_reason != READ_ANEW,
            )
            .limit(1)
        )
        if known is None:
            report = Report(ReportKind(row["kind"]), None, None, None, cause=row["cause"])
            cause = recording.suppressing_cause(report)
            entry = suppressing.Entry(copy.address, cause, row["reply"], event_id)
            suppressing.suppress(arrival.workspace_id, [entry])
            number += 1
    return number
