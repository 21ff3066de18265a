"""Stored Arrivals become Events: many at once, by bytes, and none of them stops the others."""

from collections.abc import Iterator, Mapping, Sequence

import structlog
from sqlalchemy import func, select

from webapp.accounts.models import Workspace
from webapp.delivery import parking, recording
from webapp.delivery.models import Arrival, ArrivalStage
from webapp.extensions import db
from webapp.lib import clock, garbage
from webapp.plugins import installing
from webapp.providers.contract import Provider, Unreadable

log = structlog.get_logger()

BATCH_BYTES = 2 * 1024 * 1024
BATCH_COUNT = 500
PLUGIN = "email_tracker"


def digest_some(providers: Mapping[str, Provider], token_key: bytes) -> int:
    """Digest one batch of stored Arrivals and commit; how many (0: nothing was waiting)."""
    arrivals = _next_batch()
    if not arrivals:
        db.session.rollback()
        return 0
    try:
        with garbage.left_lying():
            _digest(arrivals, providers, token_key)
        db.session.commit()
    except Exception:  # one Arrival that breaks us must not hold up the rest: take each alone
        db.session.rollback()
        ids = [arrival.id for arrival in arrivals]
        log.exception("digest_batch_failed", arrivals=len(ids))
        for arrival_id in ids:
            _digest_alone(arrival_id, providers, token_key)
    return len(arrivals)


def apply_unapplied(workspace: Workspace) -> int:
    """The tracker is back: what arrived meanwhile is digested again, in full. Commits."""
    rows = db.session.scalars(
        select(Arrival).where(Arrival.workspace_id == workspace.id, Arrival.is_unapplied)
    ).all()
    for arrival in rows:
        arrival.stage = ArrivalStage.STORED
        arrival.is_unapplied = False
    db.session.commit()
    return len(rows)


def are_waiting() -> bool:
    """Whether any Arrival is stored and not digested."""
    return db.session.scalar(_stored().limit(1)) is not None


def _stored():
    return select(Arrival.id).where(Arrival.stage == ArrivalStage.STORED)


def _next_batch() -> list[Arrival]:
    """The oldest stored Arrivals that nobody else digests now, up to BATCH_BYTES, at least one."""
    for ids in _batches():
        found = db.session.scalars(
            select(Arrival)
            .where(Arrival.id.in_(ids), Arrival.stage == ArrivalStage.STORED)
            .order_by(Arrival.id)
            .with_for_update(skip_locked=True)
        ).all()
        if found:
            return list(found)
    return []


def _batches() -> Iterator[list[int]]:
    """The ids of the oldest stored Arrivals, parted by BATCH_BYTES."""
    sizes = db.session.execute(
        select(Arrival.id, func.length(Arrival.body).label("size"))
        .where(Arrival.stage == ArrivalStage.STORED)
        .order_by(Arrival.id)
        .limit(BATCH_COUNT)
    ).all()
    ids, size = [], 0
    for row in sizes:
        if ids and size + row.size > BATCH_BYTES:
            yield ids
            ids, size = [], 0
        ids.append(row.id)
        size += row.size
    if ids:
        yield ids


def _digest(
    arrivals: Sequence[Arrival], providers: Mapping[str, Provider], token_key: bytes
) -> None:
    on = {number: _is_tracker_on(number) for number in {each.workspace_id for each in arrivals}}
    tracked: list[recording.Said] = []
    untracked: list[recording.Said] = []
    for arrival in arrivals:
        said = _read(arrival, providers)
        if arrival.stage == ArrivalStage.UNREADABLE:
            continue
        is_on = on[arrival.workspace_id]
        arrival.is_unapplied = not is_on
        arrival.stage = ArrivalStage.DIGESTED
        arrival.digested_at = clock.now()
        (tracked if is_on else untracked).extend(said)
    db.session.flush()
    parking.park(recording.record(tracked, token_key))
    recording.record(untracked, token_key, only_suppress=True)


def _read(arrival: Arrival, providers: Mapping[str, Provider]) -> list[recording.Said]:
    try:
        reports = providers[arrival.provider].parse(bytes(arrival.body), arrival.headers)
    except Unreadable as error:
        arrival.stage = ArrivalStage.UNREADABLE
        arrival.error = str(error)[:500]
        return []
    return recording.said_by(arrival, reports)


def _digest_alone(arrival_id: int, providers: Mapping[str, Provider], token_key: bytes) -> None:
    arrival = db.session.get(Arrival, arrival_id, with_for_update=True)
    if arrival is None or arrival.stage != ArrivalStage.STORED:
        db.session.rollback()
        return
    try:
        _digest([arrival], providers, token_key)
        db.session.commit()
    except Exception as error:  # kept, visible, and out of the way; replay takes it up again
        db.session.rollback()
        log.exception("arrival_unreadable", arrival=arrival_id)
        arrival = db.session.get(Arrival, arrival_id)
        arrival.stage = ArrivalStage.UNREADABLE
        arrival.error = f"{type(error).__name__}: {error}"[:500]
        db.session.commit()


def _is_tracker_on(workspace_id: int) -> bool:
    return PLUGIN in installing.installed(db.session.get(Workspace, workspace_id))
