"""The copies of one email as the Recipients tab lists them: filter, search, sort, keyset."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, urlencode

from sqlalchemy import ColumnElement, Select, func, select, union_all

from webapp.delivery import selecting
from webapp.delivery.models import Recipient
from webapp.delivery.selecting import Selection
from webapp.delivery.statuses import Status
from webapp.email_tracker import paging
from webapp.extensions import db
from webapp.forms import grid, sorting
from webapp.forms.models import Sorting

PAGE = 50
Order = list[tuple[ColumnElement, bool]]  # (expression, is descending), as grid.keyset takes it
SORTS: dict[str, tuple[str, ColumnElement]] = {
    "name": ("Name", func.lower(Recipient.name)),
    "address": ("Address", func.lower(Recipient.address)),
    "status": ("Status", Recipient.status),
    "changed": ("Last change", Recipient.changed_at),
}
# other orders read every copy of the email; above this many a job does
MAX_SORTED = 100_000
SORTED = "recipients"


@dataclass(frozen=True)
class RecipientQuery:
    """What the tab is asked for. `show` is a key of selecting.FILTERS or ""; `sort` one of SORTS,
    "-" before it for descending, or "" for the order of the records; `cause` narrows to one
    reason, `at` to one mailbox provider."""

    show: str = ""
    search: str = ""
    sort: str = ""
    after: str = ""
    cause: str = ""
    at: str = ""

    @property
    def selection(self) -> Selection:
        return Selection(self.show, self.cause, self.search, self.at)

    @property
    def has_index(self) -> bool:
        """Whether an index gives the copies in the order asked for."""
        is_of_status = self.show in selecting.FILTERS or not self.show
        key = self.sort.removeprefix("-")
        is_ordered = key in ("", "status") or (key == "changed" and not self.cause)
        return is_of_status and is_ordered and not (self.search or self.at)

    def wants_sorting(self, copies: int) -> bool:
        """Whether a job brings so many copies of an email into the order asked for."""
        is_order = self.sort.removeprefix("-") in SORTS
        return is_order and copies > MAX_SORTED and not self.has_index

    def url_values(self, **changes: str) -> str:
        values = {
            "show": self.show,
            "q": self.search,
            "sort": self.sort,
            "cause": self.cause,
            "at": self.at,
            "after": "",
        } | changes
        return urlencode({key: value for key, value in values.items() if value})

    def sorted_by(self, key: str) -> str:
        """The sorting after a click on a column's head: up, down, none."""
        return {key: f"-{key}", f"-{key}": ""}.get(self.sort, key)

    def direction(self, key: str) -> str:
        return {key: "ascending", f"-{key}": "descending"}.get(self.sort, "none")


def read(args: Mapping[str, str]) -> RecipientQuery:
    """From the arguments of a URL."""
    return RecipientQuery(
        show=args.get("show", ""),
        search=args.get("q", "").strip()[:200],
        sort=args.get("sort", ""),
        after=args.get("after", ""),
        cause=args.get("cause", ""),
        at=args.get("at", "")[:255],
    )


def page(bulk_email_id: int, query: RecipientQuery) -> tuple[Sequence[Recipient], str]:
    """(copies, cursor of the next page or ""). Fewer than PAGE with a cursor: the others were not
    looked at yet."""
    if not query.sort and not query.has_index:
        return paging.page(bulk_email_id, query.selection, query.after, PAGE)
    order = _order(query)
    rows = _merged if query.has_index else _searched
    lines = db.session.execute(rows(bulk_email_id, query, order)).all()
    shown = lines[:PAGE]
    cursor = grid.make_cursor(_plain(shown[-1][1:])) if len(lines) > PAGE else ""
    return [line[0] for line in shown], cursor


def asked(bulk_email_id: int, query: RecipientQuery) -> sorting.Asked:
    """What a job is asked to sort."""
    return sorting.Asked(SORTED, bulk_email_id, query.url_values())


def in_order(bulk_email_id: int, query: str) -> Select:
    """The ids of an email's copies as `query` orders them."""
    wanted = read(dict(parse_qsl(query)))
    turns = [each.desc() if down else each.asc() for each, down in _order(wanted)]
    return _selected(bulk_email_id, wanted).with_only_columns(Recipient.id).order_by(*turns)


def sorted_page(order: Sorting, cursor: str) -> tuple[Sequence[Recipient], str]:
    """As page(), of copies that a job has sorted."""
    ids, following = sorting.page(order, cursor, PAGE)
    found = db.session.scalars(select(Recipient).where(Recipient.id.in_(ids)))
    copies = {copy.id: copy for copy in found}
    return [copies[each] for each in ids if each in copies], following


def _searched(bulk_email_id: int, query: RecipientQuery, order: Order) -> Select:
    """(copy, values of the order) of a page, by looking at copies until it is full."""
    columns = [expression for expression, _ in order]
    statement = _selected(bulk_email_id, query).add_columns(*columns)
    return grid.keyset(statement, order, query.after, PAGE)


def _merged(bulk_email_id: int, query: RecipientQuery, order: Order) -> Select:
    """The same by an index that begins with the status: the first of each status, put together. So
    nobody looks through those of another, however many these are."""
    columns = [expression.label(f"key_{place}") for place, (expression, _) in enumerate(order)]
    every = _selected(bulk_email_id, replace(query, show=""))
    statement = every.with_only_columns(Recipient.id, *columns)
    parts = [
        grid.keyset(statement.where(Recipient.status == status), order, query.after, PAGE)
        for status in selecting.FILTERS.get(query.show, tuple(Status))
    ]
    found = union_all(*(select(part.subquery()) for part in parts)).subquery()
    keys = [found.c[column.name] for column in columns]
    turns = [key.desc() if down else key.asc() for key, (_, down) in zip(keys, order, strict=True)]
    return (
        select(Recipient, *keys)
        .join(found, found.c.id == Recipient.id)
        .order_by(*turns)
        .limit(PAGE + 1)
    )


def _selected(bulk_email_id: int, query: RecipientQuery) -> Select:
    return select(Recipient).where(
        Recipient.bulk_email_id == bulk_email_id, *selecting.conditions(query.selection)
    )


def _order(query: RecipientQuery) -> Order:
    is_descending = query.sort.startswith("-")
    found = SORTS.get(query.sort.removeprefix("-"))
    own = [(found[1], is_descending)] if found else []
    return [*own, (Recipient.id, is_descending)]


def _plain(values: Sequence) -> list:
    """Cursor values as JSON: a status by its name, a time as text."""
    return [value.isoformat() if hasattr(value, "isoformat") else value for value in values]
