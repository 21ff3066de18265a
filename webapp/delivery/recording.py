"""The one door an event comes in by: match, store once, raise."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Row, bindparam, func, select, update

from webapp.delivery import heeding, probing, raising, suppressing, tallying, tokens
from webapp.delivery.models import Arrival, Event, MatchedBy, Recipient
from webapp.delivery.statuses import Status, status_of_kind
from webapp.extensions import db
from webapp.lib import addresses, clock
from webapp.mail.causes import Cause
from webapp.mail.reports import Report, ReportKind
from webapp.rows import insert_into

MATCH_BY_ADDRESS_WITHIN = timedelta(days=7)
# a provider's clock may run ahead of ours by a little, never by days
FUTURE = timedelta(minutes=5)
EARLIEST = datetime.fromisoformat("2000-01-01T00:00:00+00:00")


@dataclass(frozen=True)
class Said:
    """A Report with where it came from: its Arrival and its position in it."""

    report: Report
    arrival_id: int | None
    position: int
    connection_id: int | None
    workspace_id: int
    received_at: datetime


@dataclass(frozen=True, eq=False)  # a key by itself: a Report holds a dict
class _Matched:
    said: Said
    recipient_id: int
    matched_by: MatchedBy
    names_another: bool = False

    @property
    def is_conflict(self) -> bool:
        """A hint, no proof: it raises nothing and suppresses nobody."""
        return self.matched_by is MatchedBy.ADDRESS or self.names_another


def said_by(arrival: Arrival, reports: Sequence[Report]) -> list[Said]:
    """The Reports of one Arrival, ready to be recorded."""
    return [
        Said(
            report,
            arrival.id,
            position,
            arrival.connection_id,
            arrival.workspace_id,
            arrival.received_at,
        )
        for position, report in enumerate(reports)
    ]


def record(said: Iterable[Said], token_key: bytes, *, only_suppress: bool = False) -> list[Said]:
    """Store what was said of our copies and raise their statuses, in the caller's transaction.

    What cannot be matched (yet) is returned, to be parked. `only_suppress`: the tracker is off, so
    only bounces, complaints and unsubscribes have their effect on the list of suppressions.
    """
    matched, unmatched = _match(list(said), token_key)
    if only_suppress:
        _suppress({item: None for item in matched})
        return unmatched
    new = _store(matched)
    _raise(new)
    _note_facts(new)
    _suppress(new)
    heeding.heed([(item.recipient_id, item.said.report) for item in new if not item.is_conflict])
    return unmatched


def rows_of(said: Iterable[Said], token_key: bytes) -> tuple[list[dict], list[Said]]:
    """What record() would store of them, as columns of Event, and what cannot be matched."""
    matched, unmatched = _match(list(said), token_key)
    return [_row(item) for item in matched], unmatched


def record_unsubscribe(recipient: Recipient, at: datetime) -> None:
    """A person said so on our own page: an Event like any other, matched by the person."""
    report = Report(ReportKind.UNSUBSCRIBED, None, recipient.address, at, native="unsubscribe page")
    record_by_hand(Said(report, None, 0, None, recipient.workspace_id, at), recipient.id)


def record_by_hand(said: Said, recipient_id: int) -> int | None:
    """A person says of which copy this is said: an Event with its full effect, in the caller's
    transaction. Its id; None where the copy has that Event by now."""
    new = _store([_Matched(said, recipient_id, MatchedBy.PERSON)])
    _raise(new)
    _note_facts(new)
    _suppress(new)
    return next(iter(new.values()), None)


# ---- matching


def _match(said: list[Said], token_key: bytes) -> tuple[list[_Matched], list[Said]]:
    """Split into what is said of a copy of the same workspace, and the rest; what is said of test
    mails is noted with them, and neither."""
    ids: dict[int, list[Said]] = defaultdict(list)
    rest: list[Said] = []
    for item in said:
        token = item.report.token
        recipient_id = tokens.read_copy_token(token_key, token) if token else None
        if recipient_id:
            ids[recipient_id].append(item)
        elif token and (number := tokens.read_test_token(token_key, token)):
            probing.note(number, item.connection_id, item.report, item.received_at)
        else:
            rest.append(item)
    owners = _owners(sorted(ids))
    matched = []
    for recipient_id, items in ids.items():
        owner = owners.get(recipient_id)
        for item in items:
            if owner and owner.workspace_id == item.workspace_id:
                another = _names_another(item.report, owner.address_key)
                matched.append(_Matched(item, recipient_id, MatchedBy.TOKEN, another))
            else:
                rest.append(item)
    return _match_without_token(matched, rest)


def _match_without_token(matched: list, rest: list[Said]) -> tuple[list[_Matched], list[Said]]:
    unmatched = []
    for item in rest:
        found = _by_message_id(item) or _by_address(item)
        if found:
            matched.append(found)
        else:
            unmatched.append(item)
    return matched, unmatched


def _names_another(report: Report, address_key: str | None) -> bool:
    """Whether a notice speaks of somebody our mail was passed on to, and not of its addressee."""
    if not report.names:
        return False
    return address_key not in [addresses.check(name).key for name in report.names]


def _owners(ids: list[int]) -> dict[int, Row]:
    """{recipient id: (id, workspace_id, address_key)} of those that exist."""
    owners: dict[int, Row] = {}
    for start in range(0, len(ids), 500):
        rows = db.session.execute(
            select(Recipient.id, Recipient.workspace_id, Recipient.address_key).where(
                Recipient.id.in_(ids[start : start + 500])
            )
        )
        owners |= {row.id: row for row in rows}
    return owners


def _by_message_id(item: Said) -> _Matched | None:
    if item.report.token or not item.report.provider_message_id:
        return None
    found = db.session.scalar(
        select(Recipient.id)
        .where(
            Recipient.provider_message_id == item.report.provider_message_id,
            Recipient.workspace_id == item.workspace_id,
        )
        .limit(1)
    )
    return _Matched(item, found, MatchedBy.MESSAGE_ID) if found else None


def _by_address(item: Said) -> _Matched | None:
    """The latest copy to that address over this Connection within a week: a hint, no proof."""
    key = addresses.check(item.report.address).key
    if item.report.token or key is None:
        return None
    found = db.session.scalar(
        select(Recipient.id)
        .where(
            Recipient.workspace_id == item.workspace_id,
            Recipient.address_key == key,
            Recipient.connection_id == item.connection_id,
            Recipient.first_tried_at > item.received_at - MATCH_BY_ADDRESS_WITHIN,
        )
        .order_by(Recipient.id.desc())
        .limit(1)
    )
    return _Matched(item, found, MatchedBy.ADDRESS) if found else None


# ---- storing


def _store(matched: list[_Matched]) -> dict[_Matched, int]:
    """Insert the events; those already there are left out. {new ones: their Event id}."""
    rows: dict[tuple[int, int], tuple[_Matched, dict]] = {}
    for item in matched:
        row = _row(item)
        rows.setdefault((row["recipient_id"], row["key"]), (item, row))
    new: dict[_Matched, int] = {}
    ordered = sorted(rows)
    for start in range(0, len(ordered), 1000):
        chunk = ordered[start : start + 1000]
        stored = db.session.execute(
            insert_into(Event)
            .on_conflict_do_nothing(index_elements=["recipient_id", "key"])
            .returning(Event.id, Event.recipient_id, Event.key),
            [rows[pair][1] for pair in chunk],
        )
        new |= {rows[row.recipient_id, row.key][0]: row.id for row in stored}
    return new


def _row(item: _Matched) -> dict:
    report = item.said.report
    at = _usable(report.happened_at, item.said.received_at)
    return {
        "recipient_id": item.recipient_id,
        "key": event_key(report, at),
        "arrival_id": item.said.arrival_id,
        "kind": report.kind,
        "status": None if item.is_conflict else status_of_kind(report.kind),
        "cause": report.cause,
        "reply": report.words,
        "native": report.native,
        "provider_event_id": report.provider_event_id,
        "matched_by": item.matched_by,
        "is_conflict": item.is_conflict,
        "details": report.details,
        "happened_at": at,
        "recorded_at": clock.now(),
    }


def event_key(report: Report, at: datetime) -> int:
    """64 bits over what makes an event the same one: kind, address, time, attempt, url. The
    provider's own id is not among them, because it is known to change when it is sent again."""
    parts = (
        report.kind,
        report.native,
        (report.address or "").casefold(),
        at.isoformat(),
        str(report.details.get("attempt", "")),
        str(report.details.get("url", "")),
    )
    digest = hashlib.blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _usable(happened_at: datetime | None, received_at: datetime) -> datetime:
    if happened_at is None or not EARLIEST < happened_at < received_at + FUTURE:
        return received_at
    return happened_at


# ---- consequences


def _raise(new: dict[_Matched, int]) -> None:
    raising.raise_statuses(
        raising.Change(
            item.recipient_id,
            status,
            item.said.report.cause if status is not Status.DELIVERED else None,
            item.said.report.words,
            _usable(item.said.report.happened_at, item.said.received_at),
        )
        for item in new
        if not item.is_conflict and (status := status_of_kind(item.said.report.kind))
    )


_FACTS: dict[ReportKind, tuple[str, str | None]] = {
    ReportKind.OPENED: ("opened_at", "open_count"),
    ReportKind.CLICKED: ("clicked_at", "click_count"),
    ReportKind.COMPLAINED: ("complained_at", None),
    ReportKind.UNSUBSCRIBED: ("unsubscribed_at", None),
}


def _note_facts(new: dict[_Matched, int]) -> None:
    """Opens, clicks, complaints and unsubscribes have columns of their own, whatever the status."""
    noted: dict[tuple[int, ReportKind], list[datetime]] = defaultdict(list)
    for item in new:
        if item.said.report.kind in _FACTS and not item.is_conflict:
            at = _usable(item.said.report.happened_at, item.said.received_at)
            noted[item.recipient_id, item.said.report.kind].append(at)
    for recipient_id, kind in sorted(noted):
        first_column, count_column = _FACTS[kind]
        first = getattr(Recipient, first_column)
        values = {
            first_column: func.coalesce(
                first, bindparam("b_at", min(noted[recipient_id, kind]), type_=first.type)
            )
        }
        if count_column:
            values[count_column] = getattr(Recipient, count_column) + len(noted[recipient_id, kind])
        email_id = db.session.scalar(
            update(Recipient)
            .where(Recipient.id == recipient_id)
            .values(**values)
            .returning(Recipient.bulk_email_id)
            .execution_options(synchronize_session=False)
        )
        tallying.touch(email_id)


def _suppress(new: dict[_Matched, int | None]) -> None:
    """The precise rule: nobody there, a complaint, an unsubscribe; never by an address match."""
    entries: dict[int, list[suppressing.Entry]] = defaultdict(list)
    for item, event_id in new.items():
        cause = suppressing_cause(item.said.report)
        if cause and not item.is_conflict:
            address = db.session.scalar(
                select(Recipient.address).where(Recipient.id == item.recipient_id)
            )
            entries[item.said.workspace_id].append(
                suppressing.Entry(address or "", cause, item.said.report.words, event_id)
            )
    for workspace_id in sorted(entries):
        suppressing.suppress(workspace_id, entries[workspace_id])


def suppressing_cause(report: Report) -> Cause | None:
    """Why this Report alone ends our writing to the address; None if it does not."""
    if report.kind is ReportKind.COMPLAINED:
        return Cause.COMPLAINED
    if report.kind is ReportKind.UNSUBSCRIBED:
        return Cause.UNSUBSCRIBED
    is_nobody = report.cause in (Cause.MAILBOX_MISSING, Cause.DOMAIN_MISSING)
    return report.cause if report.kind is ReportKind.BOUNCED and is_nobody else None
