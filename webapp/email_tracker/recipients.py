"""The copies of one email as the Recipients tab lists them: filter, search, sort, keyset."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from sqlalchemy import ColumnElement, Select, func, select

from webapp.delivery import selecting
from webapp.delivery.models import Recipient
from webapp.delivery.selecting import Selection
from webapp.extensions import db
from webapp.forms import grid

PAGE = 50
SORTS: dict[str, tuple[str, ColumnElement]] = {
    "name": ("Name", func.lower(Recipient.name)),
    "address": ("Address", func.lower(Recipient.address)),
    "status": ("Status", Recipient.status),
    "changed": ("Last change", Recipient.changed_at),
}
# sorting by a text reads every copy of the email; above this many only indexed orders are offered
MAX_SORTED = 100_000


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
    """(copies, cursor of the next page or "")."""
    order = _order(query)
    columns = [expression for expression, _ in order]
    statement = _selected(bulk_email_id, query).add_columns(*columns)
    lines = db.session.execute(grid.keyset(statement, order, query.after, PAGE)).all()
    shown = lines[:PAGE]
    cursor = grid.make_cursor(_plain(shown[-1][1:])) if len(lines) > PAGE else ""
    return [line[0] for line in shown], cursor


def _selected(bulk_email_id: int, query: RecipientQuery) -> Select:
    return select(Recipient).where(
        Recipient.bulk_email_id == bulk_email_id, *selecting.conditions(query.selection)
    )


def _order(query: RecipientQuery) -> list[tuple[ColumnElement, bool]]:
    is_descending = query.sort.startswith("-")
    found = SORTS.get(query.sort.removeprefix("-"))
    own = [(found[1], is_descending)] if found else []
    return [*own, (Recipient.id, is_descending)]


def _plain(values: Sequence) -> list:
    """Cursor values as JSON: a status by its name, a time as text."""
    return [value.isoformat() if hasattr(value, "isoformat") else value for value in values]
