"""Stored Arrivals become Events: many at once, by bytes, and none of them stops the others.

To read them and to find the copies they speak of is half of the work, and is done before anything
is locked: hooks go on storing, and other workers recording.
"""

from collections.abc import Iterator, Mapping, Sequence

import structlog
from sqlalchemy import Row, func, select, update

from webapp.accounts.models import Workspace
from webapp.delivery import matching, parking, recording
from webapp.delivery.matching import Said
from webapp.delivery.models import Arrival, ArrivalStage
from webapp.extensions import begin_to_write, db, reading
from webapp.lib import clock, garbage
from webapp.plugins import installing
from webapp.providers.contract import Provider, Unreadable

log = structlog.get_logger()

BATCH_BYTES = 2 * 1024 * 1024
BATCH_COUNT = 500
PLUGIN = "email_tracker"
_WHOLE = select(
    *(Arrival.id, Arrival.connection_id, Arrival.workspace_id, Arrival.provider),
    *(Arrival.body, Arrival.headers, Arrival.received_at),
)


class _Overtaken(Exception):
    """Since they were read another worker has digested some, or a tracker was switched on or off:
    what is still stored is to be read again."""


def digest_some(providers: Mapping[str, Provider], token_key: bytes) -> int:
    """Digest one batch of stored Arrivals and commit; how many (0: nothing was waiting)."""
    with reading():
        arrivals = _next_batch()
        if not arrivals:
            db.session.rollback()
            return 0
        try:
            with garbage.left_lying():
                _digest(arrivals, providers, token_key)
            db.session.commit()
            return len(arrivals)
        except _Overtaken:
            db.session.rollback()
            return len(arrivals)
        except Exception:  # one Arrival that breaks us must not hold up the rest: take each alone
            db.session.rollback()
            log.exception("digest_batch_failed", arrivals=len(arrivals))
    for arrival in arrivals:
        _digest_alone(arrival.id, providers, token_key)
    return len(arrivals)


def apply_unapplied(workspace: Workspace) -> int:
    """The tracker is back: what arrived meanwhile is digested again, in full. Commits."""
    done = db.session.execute(
        update(Arrival)
        .where(Arrival.workspace_id == workspace.id, Arrival.is_unapplied)
        .values(stage=ArrivalStage.STORED, is_unapplied=False)
        .execution_options(synchronize_session=False)
    )
    db.session.commit()
    return done.rowcount


def are_waiting() -> bool:
    """Whether any Arrival is stored and not digested."""
    return db.session.scalar(_stored().limit(1)) is not None


def _stored():
    return select(Arrival.id).where(Arrival.stage == ArrivalStage.STORED)


def _next_batch() -> Sequence[Row]:
    """The oldest stored Arrivals that nobody else digests now, up to BATCH_BYTES, at least one."""
    for ids in _batches():
        if found := _stored_among(ids):
            return found
    return []


def _stored_among(ids: Sequence[int]) -> Sequence[Row]:
    """Those that are still to be digested; nobody else gets them now (SQLite: see _mark)."""
    return db.session.execute(
        _WHOLE.where(Arrival.id.in_(ids), Arrival.stage == ArrivalStage.STORED)
        .order_by(Arrival.id)
        .with_for_update(skip_locked=True)
    ).all()


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


def _digest(arrivals: Sequence[Row], providers: Mapping[str, Provider], token_key: bytes) -> None:
    """In the caller's transaction, which begins to write here."""
    said: list[Said] = []
    errors: dict[int, str] = {}
    for arrival in arrivals:
        try:
            reports = providers[arrival.provider].parse(bytes(arrival.body), arrival.headers)
        except Unreadable as error:
            errors[arrival.id] = str(error)[:500]
        else:
            said += recording.said_by(arrival, reports)
    off = _without_tracker(arrivals)
    tracked = matching.match([each for each in said if each.workspace_id not in off], token_key)
    untracked = matching.match([each for each in said if each.workspace_id in off], token_key)

    begin_to_write()
    if off != _without_tracker(arrivals):
        raise _Overtaken
    _mark(arrivals, off, errors)
    parking.park(recording.record_matched(tracked))
    recording.record_matched(untracked, only_suppress=True)


def _without_tracker(arrivals: Sequence[Row]) -> set[int]:
    """Those of their workspaces that have it switched off."""
    workspaces = {arrival.workspace_id for arrival in arrivals}
    return workspaces - installing.with_plugin(PLUGIN, workspaces)


def _mark(arrivals: Sequence[Row], off: set[int], errors: Mapping[int, str]) -> None:
    """These are digested, or cannot be. Raises _Overtaken."""
    now, number = clock.now(), 0
    digested: dict[bool, list[int]] = {False: [], True: []}
    for arrival in arrivals:
        if arrival.id in errors:
            number += _set([arrival.id], stage=ArrivalStage.UNREADABLE, error=errors[arrival.id])
        else:
            digested[arrival.workspace_id in off].append(arrival.id)
    for is_unapplied, ids in digested.items():
        values = {"stage": ArrivalStage.DIGESTED, "digested_at": now, "is_unapplied": is_unapplied}
        number += _set(ids, **values) if ids else 0
    if number < len(arrivals):
        raise _Overtaken


def _set(ids: Sequence[int], **values) -> int:
    """Of those that are still stored; how many they were."""
    done = db.session.execute(
        update(Arrival)
        .where(Arrival.id.in_(ids), Arrival.stage == ArrivalStage.STORED)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    return done.rowcount


def _digest_alone(arrival_id: int, providers: Mapping[str, Provider], token_key: bytes) -> None:
    try:
        with reading():
            if arrivals := _stored_among([arrival_id]):
                _digest(arrivals, providers, token_key)
            db.session.commit()
    except _Overtaken:
        db.session.rollback()
    except Exception as error:  # kept, visible, and out of the way; replay takes it up again
        db.session.rollback()
        log.exception("arrival_unreadable", arrival=arrival_id)
        words = f"{type(error).__name__}: {error}"[:500]
        _set([arrival_id], stage=ArrivalStage.UNREADABLE, error=words)
        db.session.commit()
