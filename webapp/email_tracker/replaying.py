"""Stored Arrivals read again after a parser was mended: what changes is told before it changes."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import structlog
from sqlalchemy import func, select

from webapp.delivery import revising
from webapp.delivery.models import Arrival, ArrivalStage
from webapp.delivery.revising import Revision
from webapp.extensions import db
from webapp.lib import clock
from webapp.mail.reports import Report
from webapp.providers.contract import Provider, Unreadable

log = structlog.get_logger()

CHUNK = 200
CHUNK_BYTES = 2 * 1024 * 1024


def replay_some(
    providers: Mapping[str, Provider],
    token_key: bytes,
    *,
    after: int,
    apply: bool,
    provider: str = "",
    since: datetime | None = None,
) -> tuple[Revision, int | None]:
    """Read one chunk of digested Arrivals with ids above `after` again: what changes, and the last
    id (None: there are no more). Commits where `apply` says so, else leaves all as it was.

    Done twice it changes nothing more, so a replay that was stopped may begin anywhere. What waits
    to be digested, or arrived while the tracker was off, is left to the digesting.
    """
    ids = _next_ids(after, provider, since)
    if not ids:
        db.session.rollback()
        return Revision(), None
    arrivals = db.session.scalars(
        select(Arrival).where(Arrival.id.in_(ids)).order_by(Arrival.id).with_for_update()
    ).all()
    revision = _revise(arrivals, providers, token_key)
    if apply:
        db.session.commit()
    else:
        db.session.rollback()
    return revision, ids[-1]


def count(provider: str = "", since: datetime | None = None) -> int:
    """How many Arrivals a replay reads."""
    return db.session.scalar(select(func.count()).where(*_wanted(0, provider, since))) or 0


def _wanted(after: int, provider: str, since: datetime | None) -> list:
    return [
        Arrival.id > after,
        Arrival.stage != ArrivalStage.STORED,
        Arrival.is_unapplied.is_(False),
        *([Arrival.provider == provider] if provider else []),
        *([Arrival.received_at >= since] if since else []),
    ]


def _next_ids(after: int, provider: str, since: datetime | None) -> list[int]:
    """The next Arrivals up to CHUNK_BYTES, at least one if there is any."""
    sizes = db.session.execute(
        select(Arrival.id, func.length(Arrival.body).label("size"))
        .where(*_wanted(after, provider, since))
        .order_by(Arrival.id)
        .limit(CHUNK)
    )
    ids, size = [], 0
    for row in sizes:
        size += row.size
        if ids and size > CHUNK_BYTES:
            break
        ids.append(row.id)
    return ids


def _revise(
    arrivals: Sequence[Arrival], providers: Mapping[str, Provider], token_key: bytes
) -> Revision:
    reports: dict[int, list[Report]] = {}
    unreadable = read_again = 0
    for arrival in arrivals:
        try:
            reports[arrival.id] = list(
                providers[arrival.provider].parse(bytes(arrival.body), arrival.headers)
            )
        except Exception as error:  # what was understood once is not given up for a mistake of ours
            if not isinstance(error, Unreadable):
                log.exception("arrival_unreadable", arrival=arrival.id)
            unreadable += 1
            continue
        if arrival.stage == ArrivalStage.UNREADABLE:
            arrival.stage, arrival.error, arrival.digested_at = "digested", "", clock.now()
            read_again += 1
    readable = [arrival for arrival in arrivals if arrival.id in reports]
    revision = revising.revise(readable, reports, token_key)
    revision.arrivals, revision.unreadable = len(arrivals), unreadable
    revision.read_again = read_again
    return revision
