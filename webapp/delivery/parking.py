"""Reports whose copy is not known (yet): parked, tried again, then shown as unmatched."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import defer

from webapp import rows as many
from webapp.delivery import recording
from webapp.delivery.matching import Said
from webapp.delivery.models import Arrival, ParkedReport
from webapp.extensions import db
from webapp.lib import clock
from webapp.mail.causes import Cause
from webapp.mail.reports import Report, ReportKind

TRY_AGAIN_AFTER = (timedelta(minutes=1), timedelta(minutes=5), timedelta(hours=1))


def park(unmatched: Iterable[Said]) -> None:
    """Keep what was not matched, in the caller's transaction. Parking the same twice is once."""
    now = clock.now()
    by_place = {_place(said): said for said in unmatched if said.arrival_id is not None}
    columns = (
        *("arrival_id", "position", "workspace_id", "report", "why"),
        *("tries", "next_try_at", "created_at"),
    )
    rows = []
    for place in sorted(by_place):
        said = by_place[place]
        row = (*place, said.workspace_id, _as_json(said.report), _why(said.report))
        rows.append((*row, 0, now + TRY_AGAIN_AFTER[0], now))
    many.insert_new(db.session.connection(), ParkedReport.__table__, columns, rows, unique=2)


def try_again(token_key: bytes, limit: int = 500) -> int:
    """Match what is due once more; after the last try it is unmatched, for a person to see.
    Commits. Returns how many were matched."""
    now = clock.now()
    due = db.session.execute(
        select(ParkedReport, Arrival)
        .join(Arrival, Arrival.id == ParkedReport.arrival_id)
        .options(defer(Arrival.body))
        .where(ParkedReport.next_try_at <= now)
        .order_by(ParkedReport.id)
        .limit(limit)
        .with_for_update(of=ParkedReport, skip_locked=True)
    ).all()
    said = [said_of(parked, arrival) for parked, arrival in due]
    still = {_place(each) for each in recording.record(said, token_key)}
    for parked, _ in due:
        if (parked.arrival_id, parked.position) in still:
            _put_off(parked, now)
        else:
            db.session.delete(parked)
    db.session.commit()
    return len(due) - len(still)


def park_anew(arrival_ids: Sequence[int], unmatched: Sequence[Said]) -> tuple[int, int]:
    """What is parked of these Arrivals is now just `unmatched`, but for what a person has dealt
    with. (how many came into the tray, how many left it). In the caller's transaction."""
    wanted = {(said.arrival_id, said.position): said for said in unmatched}
    parked = db.session.scalars(
        select(ParkedReport).where(ParkedReport.arrival_id.in_(arrival_ids)).with_for_update()
    ).all()
    gone = 0
    for each in parked:
        said = wanted.pop((each.arrival_id, each.position), None)
        if each.settled_at:
            continue
        if said is None:
            db.session.delete(each)
            gone += 1
        else:
            each.report, each.why = _as_json(said.report), _why(said.report)
    park(wanted.values())
    return len(wanted), gone


def said_of(parked: ParkedReport, arrival: Arrival) -> Said:
    """What was parked, as it was first said."""
    return Said(
        report_of(parked),
        arrival.id,
        parked.position,
        arrival.connection_id,
        arrival.workspace_id,
        arrival.received_at,
    )


def are_due() -> bool:
    """Whether anything parked is to be tried again by now."""
    due = select(ParkedReport.id).where(ParkedReport.next_try_at <= clock.now()).limit(1)
    return db.session.scalar(due) is not None


def _put_off(parked: ParkedReport, now: datetime) -> None:
    parked.tries += 1
    if parked.tries < len(TRY_AGAIN_AFTER):
        parked.next_try_at = now + TRY_AGAIN_AFTER[parked.tries]
    else:
        parked.next_try_at = None
        parked.unmatched_at = now


def _place(said: Said) -> tuple[int, int]:
    """Which Report of which Arrival it is."""
    return said.arrival_id, said.position


def _why(report: Report) -> str:
    if report.token:
        return "It names a copy that this workspace never sent."
    if report.address:
        return (
            "It names no copy, and in the seven days before nothing had been sent to this address."
        )
    return "It names neither a copy nor an address."


def _as_json(report: Report) -> dict:
    at = report.happened_at
    return report._asdict() | {"happened_at": at.isoformat() if at else None}


def report_of(parked: ParkedReport) -> Report:
    stored = parked.report
    at, cause = stored["happened_at"], stored["cause"]
    return Report(
        **stored
        | {
            "kind": ReportKind(stored["kind"]),
            "cause": Cause(cause) if cause else None,
            "happened_at": datetime.fromisoformat(at) if at else None,
        }
    )
