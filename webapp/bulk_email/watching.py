"""What an email's page shows of its sending: how far it is, what it waits for, where mails go."""

import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, cast, extract, func, select, text

from webapp.bulk_email import limiting, measuring, plotting
from webapp.bulk_email.measuring import Speed
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.delivery import grouping, leasing, pausing, slowing
from webapp.delivery.models import PULSE_SECONDS, Connection, Pulse, Recipient, Tally
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.lib import addresses, clock
from webapp.mail.pacing import Pace

MOST_LIMITED = 20  # destinations shown only because they are limited
SOON = timedelta(seconds=5)  # a copy that is due by then does not wait


@dataclass(frozen=True)
class Wait:
    """Nothing is due before `until`: copies wait for `destination` to take mail again, or for their
    next try ("")."""

    until: datetime
    destination: str


@dataclass(frozen=True)
class Progress:
    """How far an email is. `over`: the Connection in use, which may be the backup; `left_today`:
    what its daily cap still allows, where that is less than what waits."""

    gone: int
    total: int
    retrying: int
    speed: Speed
    left: str
    wait: Wait | None
    over: Connection | None
    is_resting: bool
    left_today: int | None


@dataclass(frozen=True)
class Flow:
    """One destination: its row of the plot (None before the first mail), and how it does now."""

    name: str
    row: plotting.Row | None
    rate: str
    limit: str
    paused_until: datetime | None
    reply: str


@dataclass(frozen=True)
class Traffic:
    plot: plotting.Plot | None
    flows: list[Flow]
    is_live: bool


def progress(bulk_email: BulkEmail, tally: Tally | None) -> Progress | None:
    """Of an email that is being sent; None of all others."""
    if bulk_email.stage != Stage.SENDING or tally is None:
        return None
    now = clock.now()
    speed = measuring.speed_of(bulk_email)
    over = pausing.usable(bulk_email.connection, now) if bulk_email.connection else None
    is_resting = over is not None and over.is_resting(now)
    waiting = tally.queued + tally.retrying
    left_today = _left_today(over, now)
    is_capped = left_today is not None and left_today < waiting
    wait = None if is_resting else _wait(bulk_email, now)
    is_halted = is_capped or is_resting or wait is not None
    return Progress(
        gone=tally.selected - waiting,
        total=tally.selected,
        retrying=tally.retrying,
        speed=speed,
        left="" if is_halted or speed.is_still else speed.left(tally.queued),
        wait=wait,
        over=over,
        is_resting=is_resting,
        left_today=left_today if is_capped else None,
    )


def traffic(bulk_email: BulkEmail) -> Traffic:
    """The plot, and the destinations in it."""
    is_live = bulk_email.stage == Stage.SENDING
    drawn = _plot(bulk_email, is_live)
    rows = {row.name: row for row in drawn.rows} if drawn else {}
    paces = _paces(bulk_email) if is_live else {}
    rates = measuring.rates(bulk_email.id) if is_live else {}
    now = clock.now()
    more = sorted(paces.keys() - rows.keys())[:MOST_LIMITED]
    flows = [_flow(name, row, paces.get(name), rates, now) for name, row in rows.items()]
    flows += [_flow(name, None, paces[name], rates, now) for name in more]
    return Traffic(drawn, flows, is_live)


def mark(bulk_email: BulkEmail) -> str:
    """Another text whenever the traffic of an email being sent looks different; a few rows, none
    of the copies: what these wait for changes with their speed, their counts or the limits."""
    if bulk_email.stage != Stage.SENDING:
        return ""
    now = clock.now()
    limits = [
        f"{name}:{pace.rate or 0:.2g}:{pace.paused_until}:{pace.is_paused(now)}"
        for name, pace in sorted(_paces(bulk_email).items())
    ]
    speed = measuring.mark([(bulk_email.id, measuring.speed_of(bulk_email))])
    return f"-{speed}-{zlib.crc32(repr(limits).encode()):x}"


def wait_mark(found: Progress | None) -> str:
    """Another text when a wait that is shown has passed, or another has taken its place, though
    nothing moved."""
    if found is None or (found.wait is None and found.left_today is None):
        return ""
    return f"-{zlib.crc32(repr((found.wait, found.left_today)).encode()):x}"


def _paces(bulk_email: BulkEmail) -> dict[str, Pace]:
    connection = bulk_email.connection
    if connection is None:
        return {}
    over = pausing.usable(connection, clock.now())
    return slowing.paces(over.id)


def _plot(bulk_email: BulkEmail, is_live: bool) -> plotting.Plot | None:
    of_email = Pulse.bulk_email_id == bulk_email.id
    span = db.session.execute(select(func.min(Pulse.at), func.max(Pulse.at)).where(of_email)).one()
    if span[0] is None:
        return None
    ended = clock.now() if is_live else None
    least = 60 if bulk_email.pulses_thinned_at else PULSE_SECONDS
    seconds = plotting.slot_seconds(span[0], max(ended or span[1], span[1]), least)
    number = cast(extract("epoch", Pulse.at), BigInteger) // seconds
    rows = db.session.execute(
        select(
            number.label("number"),
            Pulse.destination,
            *(func.sum(getattr(Pulse, kind)).label(kind) for kind in plotting.KINDS),
        )
        .where(of_email)
        .group_by(number, Pulse.destination)
    )
    return plotting.plot([plotting.Count(*row) for row in rows], seconds, ended)


def _flow(
    name: str,
    row: plotting.Row | None,
    pace: Pace | None,
    rates: dict[str, float],
    now: datetime,
) -> Flow:
    return Flow(
        name=name,
        row=row,
        rate=measuring.rate_words(rates.get(name)),
        limit=measuring.rate_words(pace.rate) if pace else "",
        paused_until=pace.paused_until if pace and pace.is_paused(now) else None,
        reply=pace.reply if pace else "",
    )


def _left_today(connection: Connection | None, now: datetime) -> int | None:
    if connection is None or connection.daily_cap is None:
        return None
    return max(0, connection.daily_cap - limiting.used_today(connection, now))


def _wait(bulk_email: BulkEmail, now: datetime) -> Wait | None:
    """What the next copy waits for; None when one is due. One look at the end of an index."""
    row = db.session.execute(
        select(Recipient.next_try_at, Recipient.address_key, Recipient.status)
        .where(
            Recipient.bulk_email_id == bulk_email.id,
            Recipient.status.in_(leasing.WAITING),
            text("recipients.status <= 1"),  # as the partial index says it
            Recipient.in_flight_at.is_(None),
        )
        .order_by(Recipient.next_try_at, Recipient.id)
        .limit(1)
    ).first()
    if row is None or row.next_try_at is None or row.next_try_at <= now + SOON:
        return None
    domain = addresses.domain_of(row.address_key or "")
    name = grouping.destinations_of([domain])[0][domain]
    pace = _paces(bulk_email).get(name)
    if pace is not None and pace.paused_until is not None and pace.is_paused(now):
        return Wait(max(pace.paused_until, row.next_try_at), name)
    return Wait(row.next_try_at, "" if row.status is Status.RETRYING else name)
