"""Who opened and clicked: the Events of a copy judged, and the judgement kept."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from math import inf
from typing import NamedTuple

from sqlalchemy import Row, bindparam, delete, func, or_, select

from webapp import rows as many
from webapp.columns import Ids, is_among
from webapp.delivery import locating, tallying
from webapp.delivery.locating import Rules
from webapp.delivery.models import Event, Recipient
from webapp.delivery.models_following import Attention, FollowedLink, LinkClick
from webapp.extensions import db
from webapp.mail import attention
from webapp.mail.attention import Fetch, Why
from webapp.mail.reports import ReportKind

HUMAN, MACHINE = "human", "machine"
CHUNK = 500
MOST_JUDGED = 500  # fetches of one copy
KINDS = (ReportKind.OPENED, ReportKind.CLICKED)
_ATTENTION = ("recipient_id", "bulk_email_id", "opened_by", "opened_why", "clicked_by")
_ATTENTION += ("clicked_why", "rules")
_CLICK = ("recipient_id", "number", "bulk_email_id", "is_human")


class Fetched(NamedTuple):
    """An Event that has just been stored, as far as it is judged."""

    kind: ReportKind
    details: dict
    happened_at: datetime
    is_conflict: bool = False
    id: float = inf  # stored after all that were there


class Seen(NamedTuple):
    """An Event of a copy, and the evidence of what it was, or None."""

    event: Event | Row | Fetched
    fetch: Fetch
    why: Why | None

    @property
    def is_machine(self) -> bool:
        return attention.is_machine(self.why)


def judge(copy_ids: Iterable[int]) -> None:
    """Judge all that was fetched of these copies, in the caller's transaction, which has locked
    them."""
    wanted = sorted(set(copy_ids))
    if wanted:
        _forget(wanted)
        _judge(_copies(wanted), _events(wanted))


def judge_new(fetched: Mapping[int, Sequence[Fetched]]) -> None:
    """As judge(), of copies of which this has just been stored and counted."""
    if not fetched:
        return
    copies = _copies(sorted(fetched))
    # what is counted is all there is: the Events of most need not be read
    older = [
        copy.id for copy in copies if copy.open_count + copy.click_count > len(fetched[copy.id])
    ]
    _judge(copies, fetched | _events(older) if older else fetched)


def look(
    events: Sequence[Event | Row | Fetched], left_at: datetime | None, rules: Rules
) -> list[Seen]:
    """The opens and clicks among the Events of one copy, each judged in sight of the others: the
    first of them, so that a program that never stops does not hold up everybody else."""
    mine = [event for event in events if event.kind in KINDS and not event.is_conflict]
    if len(mine) > 1:
        mine = sorted(mine, key=lambda event: (event.happened_at, event.id))[:MOST_JUDGED]
    fetches = [fetch_of(event) for event in mine]
    whys = attention.judge(fetches, left_at, rules.data_centres)
    return [Seen(*each) for each in zip(mine, fetches, whys, strict=True)]


def fetch_of(event: Event | Row | Fetched) -> Fetch:
    """The facts of an open or click, our own or a provider's. A provider's click is told from
    others by where it leads, and what it calls a machine is one."""
    details = event.details
    is_click = event.kind == ReportKind.CLICKED
    return Fetch(
        at=event.happened_at,
        link=str(details.get("link") or details.get("url") or "?") if is_click else "",
        user_agent=details.get("user_agent"),
        network=str(details.get("network", "")),
        method=str(details.get("method", "GET")),
        is_hidden=details.get("link") == "0",
        says_machine=str(details.get("machine", "")).lower() not in ("", "0", "false"),
    )


def judge_old(most: int = CHUNK) -> int:
    """Judge again some of what was judged under older rules; how many (0: none is left). Commits:
    whoever dies in between leaves the rest to the next."""
    mark = locating.rules().mark
    is_old = or_(Attention.rules < mark, Attention.rules > mark)  # as an index can find it
    ids = db.session.scalars(
        select(Attention.recipient_id).where(is_old).order_by(Attention.recipient_id).limit(most)
    ).all()
    lock = select(Recipient.id).where(Recipient.id.in_(ids)).order_by(Recipient.id)
    db.session.execute(lock.with_for_update(key_share=True))
    emails = db.session.scalars(
        select(Attention.bulk_email_id).where(Attention.recipient_id.in_(ids)).distinct()
    ).all()
    judge(ids)
    for bulk_email_id in sorted(emails):
        tallying.move(bulk_email_id, {})  # pages that show it ask for a newer version
    db.session.commit()
    return len(ids)


def are_old() -> bool:
    """Whether anything was judged under older rules."""
    ends = [select(end(Attention.rules)).scalar_subquery() for end in (func.min, func.max)]
    lowest, highest = db.session.execute(select(*ends)).one()
    return lowest is not None and {lowest, highest} != {locating.rules().mark}


def _judge(copies: Sequence[Row], events: Mapping[int, Sequence[Event | Row | Fetched]]) -> None:
    clicked = {row.bulk_email_id for row in copies if row.click_count}
    numbers = _numbers(clicked) if clicked else defaultdict(dict)
    rules = locating.rules()
    judged, clicks = [], []
    for copy in copies:
        seen = look(events.get(copy.id, ()), copy.first_tried_at, rules)
        judged += [(*_row(copy, seen), rules.mark)] if seen else []
        clicks += _clicks(copy, seen, numbers[copy.bulk_email_id])
    connection = db.session.connection()
    many.insert_each(connection, Attention.__table__, _ATTENTION, judged, _REPLACE_ATTENTION)
    many.insert_each(connection, LinkClick.__table__, _CLICK, clicks, _REPLACE_CLICK)


def _copies(ids: Sequence[int]) -> Sequence[Row]:
    columns = ("id", "bulk_email_id", "first_tried_at", "open_count", "click_count")
    wanted = select(*[getattr(Recipient, name) for name in columns])
    return db.session.execute(
        wanted.where(is_among(Recipient.id, bindparam("ids", list(ids), Ids)))
    ).all()


def _events(ids: Sequence[int]) -> dict[int, list[Row]]:
    """What `look` needs of their Events: whole ones take several times as long."""
    found: dict[int, list[Row]] = defaultdict(list)
    rows = db.session.execute(
        select(
            Event.id,
            Event.recipient_id,
            Event.kind,
            Event.details,
            Event.happened_at,
            Event.is_conflict,
        )
        .where(
            is_among(Event.recipient_id, bindparam("ids", list(ids), Ids)),
            Event.kind.in_(KINDS),
            Event.superseded_at.is_(None),
        )
        .order_by(Event.happened_at, Event.id)
    )
    for event in rows:
        found[event.recipient_id].append(event)
    return found


def _numbers(bulk_email_ids: set[int]) -> dict[int, dict[str, int]]:
    """{email: {where a link leads: its number}}, for clicks that a provider names by address."""
    found: dict[int, dict[str, int]] = defaultdict(dict)
    rows = db.session.scalars(
        select(FollowedLink).where(FollowedLink.bulk_email_id.in_(bulk_email_ids))
    )
    for link in rows:
        found[link.bulk_email_id][link.target] = link.number
    return found


def _row(copy, seen: Sequence[Seen]) -> tuple:
    opened = _by(seen, ReportKind.OPENED)
    clicked = _by(seen, ReportKind.CLICKED)
    if clicked[0] == HUMAN and opened[0]:
        opened = HUMAN, ""  # who clicks has it open
    return (copy.id, copy.bulk_email_id, *opened, *clicked)


def _by(seen: Sequence[Seen], kind: ReportKind) -> tuple[str, str]:
    """(by whom, the evidence: "" for a human who came without a proxy)"""
    mine = [each for each in seen if each.event.kind == kind]
    if not mine:
        return "", ""
    humans = [each.why for each in mine if not each.is_machine]
    if humans:
        return HUMAN, "" if None in humans else str(humans[0])
    return MACHINE, str(mine[0].why)


def _clicks(copy, seen: Sequence[Seen], numbers: dict[str, int]) -> list[tuple]:
    found: dict[int, bool] = {}
    for event, fetch, why in seen:
        if event.kind != ReportKind.CLICKED or fetch.is_hidden:
            continue
        number = int(fetch.link) if fetch.link.isdecimal() else numbers.get(fetch.link)
        if number:
            found[number] = found.get(number, False) or not attention.is_machine(why)
    return [(copy.id, number, copy.bulk_email_id, human) for number, human in found.items()]


def _forget(ids: Sequence[int]) -> None:
    for model in (Attention, LinkClick):
        gone = is_among(model.recipient_id, bindparam("ids", list(ids), Ids))
        db.session.execute(delete(model).where(gone).execution_options(synchronize_session=False))


def _replacing(key: str, columns: Sequence[str]) -> str:
    pairs = ", ".join(f"{name} = excluded.{name}" for name in columns)
    return f"ON CONFLICT ({key}) DO UPDATE SET {pairs}"


_REPLACE_ATTENTION = _replacing("recipient_id", _ATTENTION[2:])
_REPLACE_CLICK = _replacing("recipient_id, number", _CLICK[3:])
