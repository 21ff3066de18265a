"""Pages of an email's copies in the order of their ids, by an index that begins with what is shown:
nobody looks through the copies of another status, or through those that nobody opened.

No index of the copies tells in which of them a word occurs. LOOK of them are looked at for a page;
if it is not full then, those who can fit are looked for among the people (narrowing). If they are
too many, or not known yet, the page is short, and the next one goes on from there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, Select, select, union_all

from webapp.delivery import selecting
from webapp.delivery.models import Recipient
from webapp.delivery.selecting import Selection
from webapp.delivery.statuses import Status
from webapp.email_tracker import narrowing
from webapp.extensions import db
from webapp.forms import grid

LOOK = 2_500


@dataclass(frozen=True)
class _Way:
    """Copies by one index: the column that has their ids, in its order, and the beginning of it."""

    id: ColumnElement[int]
    where: Sequence[ColumnElement[bool]]

    def ids(self, after: int, end: int | None = None) -> Select:
        """Those above `after` and up to `end`."""
        bounds = [self.id > after, *([] if end is None else [self.id <= end])]
        return select(self.id.label("id")).where(*self.where, *bounds)


def page(
    bulk_email_id: int, selection: Selection, cursor: str, size: int
) -> tuple[Sequence[Recipient], str]:
    """(up to `size` copies after `cursor`, cursor of the next page or ""). Fewer than `size` with a
    cursor: the copies after it were not looked at."""
    after, before = _read(cursor)
    ways, rest = _ways(bulk_email_id, selection)
    look = 2 * LOOK if before else LOOK  # who goes on does not ask the people again
    end = _end_of_look(ways, after, look) if rest else None
    found = _first(ways, rest, (after, end), size + 1)
    if end is not None and len(found) <= size and not before:
        narrowed = narrowing.narrow(bulk_email_id, selection)
        if narrowed is not None:
            found, end = _all_of(narrowed.ids(bulk_email_id), selection, after, size + 1), None
    if len(found) > size:
        return found[:size], grid.make_cursor([found[size - 1].id, before])
    return found, grid.make_cursor([end, before + look]) if end else ""


def looked_at(cursor: str) -> int:
    """How many copies were looked at, page by page, up to that cursor."""
    return _read(cursor)[1]


def _read(cursor: str) -> tuple[int, int]:
    """(the id after which to go on, looked_at); zeros where it was tampered with."""
    match grid.read_cursor(cursor):
        case [int(after), int(before)] if 0 < after < 2**63 and before >= 0:
            return after, before
    return 0, 0


def _ways(bulk_email_id: int, selection: Selection) -> tuple[list[_Way], list[ColumnElement[bool]]]:
    """(the indexes in which these copies stand, what must be seen of each copy itself)."""
    if attention := selecting.attention_of(selection.show):
        noted, did_it = attention
        rest = selecting.conditions(replace(selection, show=""))
        return [_Way(noted.recipient_id, [noted.bulk_email_id == bulk_email_id, did_it])], rest
    by_cause = selecting.conditions(Selection(cause=selection.cause))
    rest = selecting.conditions(replace(selection, show="", cause=""))
    statuses = selecting.FILTERS.get(selection.show, tuple(Status))
    of_email = Recipient.bulk_email_id == bulk_email_id
    ways = [
        _Way(Recipient.id, [of_email, Recipient.status == each, *by_cause]) for each in statuses
    ]
    return ways, rest


def _end_of_look(ways: Sequence[_Way], after: int, look: int) -> int | None:
    """The id of the last copy of `look` that are looked at; None: all of them are."""
    # so many of each: PostgreSQL would sort all of them rather than merge the indexes
    parts = [way.ids(after).order_by(way.id).limit(look + 1).subquery() for way in ways]
    ids = union_all(*(select(part) for part in parts)).order_by("id")
    found = db.session.scalars(ids.offset(look - 1).limit(2)).all()
    return found[0] if len(found) > 1 else None


def _first(
    ways: Sequence[_Way],
    rest: Sequence[ColumnElement[bool]],
    bounds: tuple[int, int | None],
    number: int,
) -> Sequence[Recipient]:
    """The first of each way, put together."""
    parts = []
    for way in ways:
        part = way.ids(*bounds)
        if rest and way.id is not Recipient.id:
            part = part.join(Recipient, Recipient.id == way.id)
        parts.append(part.where(*rest).order_by(way.id).limit(number).subquery())
    found = union_all(*(select(part) for part in parts)).subquery()
    of_these = select(Recipient).join(found, found.c.id == Recipient.id)
    return db.session.scalars(of_these.order_by(Recipient.id).limit(number)).all()


def _all_of(ids: Select, selection: Selection, after: int, number: int) -> Sequence[Recipient]:
    """The first of `ids` that fit."""
    # first these: none of the conditions has an index that is better
    found = ids.cte("narrowed").prefix_with("MATERIALIZED")
    of_these = select(Recipient).join(found, found.c.id == Recipient.id)
    fitting = of_these.where(Recipient.id > after, *selecting.conditions(selection))
    return db.session.scalars(fitting.order_by(Recipient.id).limit(number)).all()
