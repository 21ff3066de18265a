"""Parcels go out: one worker at an Endpoint, each POST without a transaction, its answer noted.

What a worker had in hand when it died is posted again with the same webhook-id: receivers drop what
they have had. An Endpoint that fails rests longer and longer; after days of it, it is switched off.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, exists, func, or_, select, update

from webapp.accounts import telling
from webapp.accounts.models import Workspace
from webapp.accounts.models_telling import TidingKind
from webapp.accounts.telling import Means, News
from webapp.bulk_email import packing
from webapp.delivery.calling import Answer
from webapp.delivery.models_endpoints import Endpoint, Happening, Parcel, ParcelState, ParcelTry
from webapp.extensions import db
from webapp.lib import clock, standard_webhooks

# after the first, second … failure of a Parcel; five days in all
WAITS = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400, 86400)
)
LONGEST_REST = timedelta(minutes=5)  # of an Endpoint: whatever waits for it waits so long
SLOW_MS = 2000
OFF_AFTER = timedelta(days=5)
KEEP_TAKEN, KEEP_FAILED = timedelta(days=7), timedelta(days=30)

# (url, body, headers) → how it was answered
Post = Callable[[str, bytes, dict[str, str]], Answer]


@dataclass(frozen=True)
class Way:
    """How Parcels are posted, how admins are told that an Endpoint was switched off, and how long
    an Endpoint stays with a worker that went silent."""

    post: Post
    means: Means
    lease: timedelta = timedelta(minutes=2)


def due() -> list[int]:
    """Endpoints for which something is to be posted now."""
    now = clock.now()
    return list(
        db.session.scalars(
            select(Endpoint.id).where(
                Endpoint.off_at.is_(None),
                *(
                    or_(column.is_(None), column <= now)
                    for column in (Endpoint.rests_until, Endpoint.busy_until)
                ),
                or_(
                    exists().where(Happening.endpoint_id == Endpoint.id),
                    exists().where(*_is_due(Endpoint.id, now)),
                ),
            )
        )
    )


def dispatch(endpoint_id: int, way: Way, seconds: float) -> list[int]:
    """Post what is due for some seconds, or until the Endpoint fails or is slow, which ends its
    turn: others wait for theirs. Letters to be posted. The clock wakes for the rest. Commits."""
    if not _take(endpoint_id, way.lease):
        return []
    end = time.monotonic() + seconds
    letters: list[int] = []
    while time.monotonic() < end:
        found = _next(endpoint_id, way)
        if found is None:
            break
        parcel_id, url, body, headers = found
        answer = way.post(url, body, headers)
        letters += _note(endpoint_id, parcel_id, answer, way.means)
        if not answer.is_taken or answer.took_ms > SLOW_MS:
            break
    db.session.execute(update(Endpoint).where(Endpoint.id == endpoint_id).values(busy_until=None))
    db.session.commit()
    return letters


def send_again(endpoint: Endpoint, parcel_id: int | None = None) -> int:
    """Have one Parcel posted again, or all that failed; how many. Commits."""
    which = Parcel.id == parcel_id if parcel_id else Parcel.state == ParcelState.FAILED
    done = db.session.execute(
        update(Parcel)
        .where(Parcel.endpoint_id == endpoint.id, which)
        .values(state=ParcelState.WAITING, tries=0, next_try_at=clock.now())
        .execution_options(synchronize_session=False)
    )
    endpoint.rests_until = None
    db.session.commit()
    return done.rowcount


def forget_old() -> None:
    """Parcels that were taken are kept for a week, others for a month; what was noted for an
    Endpoint that is gone goes, too. Commits."""
    now = clock.now()
    db.session.execute(delete(Happening).where(Happening.endpoint_id.not_in(select(Endpoint.id))))
    old = [
        parcel.id
        for parcel in db.session.execute(
            select(Parcel.id)
            .where(
                Parcel.created_at < now - KEEP_TAKEN,
                or_(
                    Parcel.state == ParcelState.TAKEN,
                    Parcel.created_at < now - KEEP_FAILED,
                ),
            )
            .limit(500)
        )
    ]
    if old:
        db.session.execute(delete(ParcelTry).where(ParcelTry.parcel_id.in_(old)))
        db.session.execute(delete(Parcel).where(Parcel.id.in_(old)))
    db.session.commit()


def _is_due(endpoint_id, now: datetime) -> tuple:
    return (
        Parcel.endpoint_id == endpoint_id,
        Parcel.state == ParcelState.WAITING,
        Parcel.next_try_at <= now,
    )


def _take(endpoint_id: int, lease: timedelta) -> bool:
    """Whether no other worker is at the Endpoint. Commits."""
    now = clock.now()
    taken = db.session.execute(
        update(Endpoint)
        .where(
            Endpoint.id == endpoint_id,
            Endpoint.off_at.is_(None),
            or_(Endpoint.rests_until.is_(None), Endpoint.rests_until <= now),
            or_(Endpoint.busy_until.is_(None), Endpoint.busy_until <= now),
        )
        .values(busy_until=now + lease)
        .execution_options(synchronize_session=False)
    )
    db.session.commit()
    return taken.rowcount == 1


def _next(endpoint_id: int, way: Way) -> tuple[int, str, bytes, dict[str, str]] | None:
    """(Parcel id, URL, body, headers) of the oldest Parcel that is due, else of a new one; the
    lease is renewed. Commits."""
    endpoint, now = db.session.get(Endpoint, endpoint_id), clock.now()
    if endpoint is None or endpoint.off_at:
        db.session.rollback()
        return None
    parcel = db.session.scalar(
        select(Parcel).where(*_is_due(endpoint_id, now)).order_by(Parcel.id).limit(1)
    ) or packing.pack(endpoint, way.means.base_url)
    if parcel is None:
        db.session.rollback()
        return None
    endpoint.busy_until = now + way.lease
    db.session.flush()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Email-Tracker-Webhooks/1",
    } | standard_webhooks.signed_headers(parcel.key, now, parcel.body, keys_of(endpoint, now))
    found = parcel.id, endpoint.url, parcel.body, headers
    db.session.commit()
    return found


def keys_of(endpoint: Endpoint, now: datetime) -> list[str]:
    """The secrets that sign: the present one, and the one before while it is still good."""
    until = endpoint.old_secret_until
    is_old_good = endpoint.old_secret and until and until > now
    return [endpoint.secret, *([endpoint.old_secret] if is_old_good else [])]


def _note(endpoint_id: int, parcel_id: int, answer: Answer, means: Means) -> list[int]:
    """What the answer means for the Parcel and its Endpoint; Letters. Commits."""
    endpoint = db.session.get(Endpoint, endpoint_id, with_for_update={"key_share": True})
    parcel = db.session.get(Parcel, parcel_id)
    if endpoint is None or parcel is None:  # removed meanwhile
        db.session.rollback()
        return []
    now = clock.now()
    db.session.add(
        ParcelTry(
            parcel_id=parcel.id, at=now, status=answer.status, took_ms=answer.took_ms,
            answer=answer.text,
        )
    )  # fmt: skip
    parcel.tries += 1
    letters: list[int] = []
    if answer.is_taken:
        parcel.state = ParcelState.TAKEN
        endpoint.failures, endpoint.failing_since, endpoint.rests_until = 0, None, None
    else:
        _put_off(parcel, now)
        endpoint.failures += 1
        endpoint.failing_since = endpoint.failing_since or now
        endpoint.rests_until = now + min(
            timedelta(seconds=2 ** min(endpoint.failures, 10)), LONGEST_REST
        )
        letters = _switch_off_if_hopeless(endpoint, answer, means, now)
    db.session.commit()
    return letters


def _put_off(parcel: Parcel, now: datetime) -> None:
    if parcel.tries > len(WAITS) or not parcel.size:  # a test is not tried again
        parcel.state = ParcelState.FAILED
    else:
        parcel.next_try_at = now + WAITS[parcel.tries - 1]


def _switch_off_if_hopeless(
    endpoint: Endpoint, answer: Answer, means: Means, now: datetime
) -> list[int]:
    """After 410 (they want no more), or days without success; admins are told, once."""
    since = endpoint.failing_since or now
    if answer.status == 410:
        reason = "It answered 410 Gone: it wants no more."
    elif now - since > OFF_AFTER:
        reason = f"Every try has failed since {since:%-d %B %Y, %H:%M} UTC."
    else:
        return []
    switch_off(endpoint, reason)
    workspace = db.session.get_one(Workspace, endpoint.workspace_id)
    text = (
        f"{endpoint.url} was switched off. {reason} Nothing is noted for it until you switch it on."
    )
    news = News(
        TidingKind.ENDPOINT,
        "A webhook was switched off",
        text,
        f"/w/{workspace.slug}/webhooks/{endpoint.id}",
        f"{text}\n\nThe last answer: {answer.status or ''} {answer.text}".rstrip(),
    )
    return telling.tell(workspace, telling.admins(workspace), news, means)


def switch_off(endpoint: Endpoint, reason: str) -> None:
    """Nothing more is noted or posted; what waited counts as failed, and can be sent again. In the
    caller's transaction."""
    endpoint.off_at, endpoint.off_reason = clock.now(), reason[:300]
    db.session.execute(
        update(Parcel)
        .where(Parcel.endpoint_id == endpoint.id, Parcel.state == ParcelState.WAITING)
        .values(state=ParcelState.FAILED)
    )


def switch_on(endpoint: Endpoint) -> None:
    """From now on it is told again. In the caller's transaction."""
    endpoint.off_at, endpoint.off_reason = None, ""
    endpoint.failures, endpoint.failing_since, endpoint.rests_until = 0, None, None


def counts(endpoint: Endpoint) -> dict[str, int]:
    """{state: number of Parcels}"""
    rows = db.session.execute(
        select(Parcel.state, func.count())
        .where(Parcel.endpoint_id == endpoint.id)
        .group_by(Parcel.state)
    )
    return dict(rows.all())
