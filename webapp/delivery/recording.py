"""The one door an event comes in by: match, store once, raise."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Row, bindparam, select

from webapp import rows as many
from webapp.columns import Ids, is_among
from webapp.delivery import (
    attending,
    heeding,
    matching,
    passing_on,
    probing,
    raising,
    suppressing,
    tallying,
    wearying,
)
from webapp.delivery.matching import Matched, Matching, Said
from webapp.delivery.models import Arrival, Event, MatchedBy, Recipient
from webapp.delivery.models_endpoints import HappeningKind
from webapp.delivery.statuses import Status, status_of_kind
from webapp.extensions import db
from webapp.lib import clock
from webapp.mail.causes import Cause
from webapp.mail.reports import Report, ReportKind

FUTURE = timedelta(minutes=5)
OF_TOPIC = "unsubscribe page, one topic"  # not a provider's word
EARLIEST = datetime.fromisoformat("2000-01-01T00:00:00+00:00")


def said_by(arrival: Arrival, reports: Sequence[Report]) -> list[Said]:
    """The Reports of one Arrival, ready to be recorded."""
    arrival_id, source = arrival.id, (arrival.connection_id, arrival.workspace_id)
    source += (arrival.received_at,)
    return [Said(report, arrival_id, position, *source) for position, report in enumerate(reports)]


def record(said: Iterable[Said], token_key: bytes, *, only_suppress: bool = False) -> list[Said]:
    """Store what was said of our copies and raise their statuses, in the caller's transaction.

    What cannot be matched (yet) is returned, to be parked. `only_suppress`: the tracker is off, so
    only bounces, complaints and unsubscribes have their effect on the list of suppressions.
    """
    return record_matched(matching.match(said, token_key), only_suppress=only_suppress)


def record_matched(found: Matching, *, only_suppress: bool = False) -> list[Said]:
    """As record(), of what has been matched: whoever finds that out first locks later."""
    for number, item in found.tests:
        probing.note(number, item.connection_id, item.report, item.received_at)
    ids = {each.copy_id for each in found.copies}
    copies = raising.look(ids) if only_suppress else raising.lock(ids)
    matched, unmatched = matching.known(found, copies)
    news = [_news(each) for each in matched]
    if only_suppress:
        _suppress(news, are_stored=False)
        _weary(news)
    else:
        _record(news, {copy.id: copy for copy in copies})
    return unmatched


def rows_of(said: Iterable[Said], token_key: bytes) -> tuple[list[dict], list[Said]]:
    """What record() would store of them, as columns of Event, and what cannot be matched. Nothing
    is locked."""
    found = matching.match(said, token_key)
    copies = raising.look({each.copy_id for each in found.copies})
    matched, unmatched = matching.known(found, copies)
    now = clock.now()
    rows = [_row(_news(each), now) for each in matched]
    return [dict(zip(_COLUMNS, row, strict=True)) for row in rows], unmatched


def record_unsubscribe(recipient: Recipient, at: datetime, topic: str = "") -> None:
    """A person said so on our own page: an Event like any other, matched by the person. With
    `topic` they turn down only that kind of mail, so it suppresses nobody."""
    report = Report(
        ReportKind.UNSUBSCRIBED,
        None,
        recipient.address,
        at,
        native=OF_TOPIC if topic else "unsubscribe page",
        details={"topic": topic} if topic else {},
    )
    record_by_hand(Said(report, None, 0, None, recipient.workspace_id, at), recipient.id)


def record_by_hand(said: Said, recipient_id: int) -> int | None:
    """A person says of which copy this is said: an Event with its full effect, in the caller's
    transaction. Its id; None where the copy has that Event by now."""
    [copy] = raising.lock([recipient_id])
    news = [_news(Matched(copy.id, said, MatchedBy.PERSON, is_conflict=False))]
    return next(iter(_event_ids(_record(news, {copy.id: copy})).values()), None)


class _News(NamedTuple):
    """One Event to be."""

    copy_id: int
    key: int
    report: Report
    at: datetime
    said: Said
    by: MatchedBy
    is_conflict: bool


def _news(matched: Matched) -> _News:
    copy_id, said, by, is_conflict = matched
    report = said.report
    at = report.happened_at
    # a provider's clock may run ahead of ours by a little, never by days
    if at is None or not EARLIEST < at < said.received_at + FUTURE:
        at = said.received_at
    return _News(copy_id, event_key(report, at), report, at, said, by, is_conflict)


def _record(news: Sequence[_News], copies: Mapping[int, Row]) -> list[_News]:
    """Those that are new, stored and with all that follows from them; `copies` are locked."""
    new = _store(news)
    proofs = [each for each in new if not each.is_conflict]
    deltas = raising.raise_locked(_changes(proofs), copies)
    _note_facts(proofs)
    attending.judge_new(_fetched(proofs))
    for bulk_email_id in sorted({copies[each.copy_id].bulk_email_id for each in proofs}):
        tallying.move(bulk_email_id, deltas.get(bulk_email_id, {}))
    _suppress(proofs, are_stored=True)
    wearying.pause_weary(
        [each.copy_id for each in proofs if each.report.kind is ReportKind.BOUNCED_SOFT]
    )
    heeding.heed([(each.copy_id, each.report) for each in proofs])
    return new


# ---- storing


_COLUMNS = (
    *("recipient_id", "key", "arrival_id", "kind", "status", "cause", "reply", "native"),
    *("provider_event_id", "matched_by", "is_conflict", "details", "happened_at", "recorded_at"),
)


def _store(news: Sequence[_News]) -> list[_News]:
    """Insert the events; those already there are left out. The new ones, in the order of their
    copies: whoever else speaks of one of them waits for our lock, and then finds its events."""
    by_pair = {each[:2]: each for each in reversed(news)}  # of the same the first counts
    now = clock.now()
    pairs = sorted(by_pair)
    rows = [_row(by_pair[pair], now) for pair in pairs]
    connection = db.session.connection()
    new = many.insert_new(connection, Event.__table__, _COLUMNS, rows, unique=2)
    return [by_pair[pair] for pair in pairs if pair in new]


def _row(each: _News, now: datetime) -> tuple:
    copy_id, key, report, at, said, by, is_conflict = each
    status = None if is_conflict else status_of_kind(report.kind)
    return (
        *(copy_id, key, said.arrival_id, report.kind, status, report.cause, report.words),
        *(report.native, report.provider_event_id, by, is_conflict, report.details, at, now),
    )


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


def _event_ids(stored: Sequence[_News]) -> dict[tuple[int, int], int]:
    """{(copy, key): Event id}"""
    if not stored:
        return {}
    ids = bindparam("ids", [each.copy_id for each in stored], Ids)
    keys = bindparam("keys", [each.key for each in stored], Ids)
    rows = db.session.execute(
        select(Event.recipient_id, Event.key, Event.id).where(
            is_among(Event.recipient_id, ids), is_among(Event.key, keys)
        )
    )
    return {(row.recipient_id, row.key): row.id for row in rows}


# ---- consequences


def _changes(proofs: Iterable[_News]) -> Iterator[raising.Change]:
    for each in proofs:
        if status := status_of_kind(each.report.kind):
            cause = each.report.cause if status is not Status.DELIVERED else None
            yield raising.Change(each.copy_id, status, cause, each.report.words, each.at)


def _fetched(proofs: Iterable[_News]) -> dict[int, list[attending.Fetched]]:
    """What was opened and clicked, by copy."""
    found: dict[int, list[attending.Fetched]] = defaultdict(list)
    for each in proofs:
        if each.report.kind in attending.KINDS:
            fetched = attending.Fetched(each.report.kind, each.report.details, each.at)
            found[each.copy_id].append(fetched)
    return found


_FACTS = {
    "opened_at": "coalesce(opened_at, {})",
    "open_count": "open_count + {}",
    "clicked_at": "coalesce(clicked_at, {})",
    "click_count": "click_count + {}",
    "complained_at": "coalesce(complained_at, {})",
    "unsubscribed_at": "coalesce(unsubscribed_at, {})",
}
_NO_FACTS = (None, 0, None, 0, None, None)
_PLACES = {  # in those, of when it happened first
    ReportKind.OPENED: 0,
    ReportKind.CLICKED: 2,
    ReportKind.COMPLAINED: 4,
    ReportKind.UNSUBSCRIBED: 5,
}


def _note_facts(proofs: Iterable[_News]) -> None:
    """Opens, clicks, complaints and unsubscribes have columns of their own, whatever the status."""
    noted: dict[int, list] = {}
    for each in proofs:
        place = _PLACES.get(each.report.kind)
        if place is None:
            continue
        facts = noted.setdefault(each.copy_id, [*_NO_FACTS])
        facts[place] = min(facts[place] or each.at, each.at)
        if each.report.kind in attending.KINDS:
            facts[place + 1] += 1
    told = ((HappeningKind.COPY_COMPLAINED, 4), (HappeningKind.COPY_UNSUBSCRIBED, 5))
    for kind, place in told:
        passing_on.note_copies(kind, [copy for copy, facts in noted.items() if facts[place]])
    rows = [(copy_id, *noted[copy_id]) for copy_id in sorted(noted)]
    many.update_each(db.session.connection(), Recipient.__table__, ("id", *_FACTS), rows, **_FACTS)


def _suppress(news: Iterable[_News], *, are_stored: bool) -> None:
    """The precise rule: nobody there, a complaint, an unsubscribe; never by an address match."""
    ending = [
        (each, cause)
        for each in news
        if not each.is_conflict and (cause := suppressing_cause(each.report))
    ]
    if not ending:
        return
    event_ids = _event_ids([each for each, _ in ending]) if are_stored else {}
    ids = bindparam("ids", [each.copy_id for each, _ in ending], Ids)
    written = select(Recipient.id, Recipient.address, Recipient.address_key)
    copies = {row.id: row for row in db.session.execute(written.where(is_among(Recipient.id, ids)))}
    entries: dict[int, list[suppressing.Entry]] = defaultdict(list)
    for each, cause in ending:
        entries[each.said.workspace_id].append(
            suppressing.Entry(
                copies[each.copy_id].address,
                cause,
                each.report.words,
                event_ids.get((each.copy_id, each.key)),
                key=copies[each.copy_id].address_key,
            )
        )
    for workspace_id in sorted(entries):
        suppressing.suppress(workspace_id, entries[workspace_id])


def _weary(news: Iterable[_News]) -> None:
    """Nothing else is known of these copies, so a bounce without a cause proves nothing: providers
    call an answering machine so."""
    bounced: dict[int, Cause] = {}
    arrived: set[int] = set()
    for each in news:
        report = each.report
        if each.is_conflict:
            continue
        if report.kind is ReportKind.BOUNCED_SOFT and report.cause not in (None, Cause.UNKNOWN):
            bounced[each.copy_id] = report.cause
        elif status_of_kind(report.kind) is Status.DELIVERED:
            arrived.add(each.copy_id)
    wearying.pause_weary_untracked(bounced, arrived)


def suppressing_cause(report: Report) -> Cause | None:
    """Why this Report alone ends our writing to the address; None if it does not."""
    if report.kind is ReportKind.COMPLAINED:
        return Cause.COMPLAINED
    if report.kind is ReportKind.UNSUBSCRIBED:
        return None if report.native == OF_TOPIC else Cause.UNSUBSCRIBED
    is_nobody = report.cause in (Cause.MAILBOX_MISSING, Cause.DOMAIN_MISSING)
    return report.cause if report.kind is ReportKind.BOUNCED and is_nobody else None
