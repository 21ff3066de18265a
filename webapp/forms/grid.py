"""What a grid is asked for, read from a URL: search, filter, sort, columns, page."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from urllib.parse import parse_qsl, urlencode

from sqlalchemy import ColumnElement, Float, Integer, Numeric, Select, and_, or_
from werkzeug.datastructures import MultiDict

from webapp.columns import UtcDateTime

PAGE_SIZE = 50
MAX_SORTS = 3


@dataclass(frozen=True)
class Query:
    """One view of a grid. `filter` as in forms.filtering; `sort` (key, is descending); `columns`
    the keys shown, in order (none: the source's choice); `after` the cursor of the page before."""

    search: str = ""
    filter: dict = field(default_factory=dict)
    sort: tuple[tuple[str, bool], ...] = ()
    columns: tuple[str, ...] = ()
    after: str = ""

    @property
    def whole_filter(self) -> dict:
        return self.filter | ({"search": self.search} if self.search else {})

    def url_values(self, **changes) -> str:
        """This query as a query string, changed by keyword: `query.url_values(after=cursor)`."""
        changed = replace(self, **({"after": ""} | changes))
        after = [("after", changed.after)] if changed.after else []
        return urlencode(changed.pairs() + after)

    def pairs(self, but: str = "") -> list[tuple[str, str]]:
        """This query as names and values of a URL: but one of search, filter, sort, columns."""
        filter = [("match", "any")] if "any" in self.filter else []
        for row in conditions(self.filter):
            filter += [("field", row["field"]), ("op", row["op"]), ("value", row.get("value", ""))]
        parts = {
            "search": [("q", self.search)] if self.search else [],
            "filter": filter,
            "sort": [("sort", ("-" if down else "") + key) for key, down in self.sort],
            "columns": [("column", key) for key in self.columns],
        }
        return [pair for name, pairs in parts.items() if name != but for pair in pairs]

    def sorted_by(self, key: str) -> "tuple[tuple[str, bool], ...]":
        """The sorting after a click on a column's head: first up, then down, then none."""
        now = dict(self.sort)
        rest = tuple(pair for pair in self.sort if pair[0] != key)
        if key not in now:
            return ((key, False), *rest)[:MAX_SORTS]
        return rest if now[key] else ((key, True), *rest)

    def direction(self, key: str) -> str:
        """For aria-sort."""
        found = dict(self.sort).get(key)
        return "none" if found is None else "descending" if found else "ascending"

    def as_settings(self) -> dict:
        """JSON for a saved view or an export."""
        return {"query": self.url_values()}


def read(args: MultiDict) -> Query:
    """A Query from a URL's arguments; what is not understood is left out."""
    rows = [
        {"field": key, "op": operator, "value": value}
        for key, operator, value in zip(
            args.getlist("field"), args.getlist("op"), args.getlist("value"), strict=False
        )
        if key and operator
    ]
    match = "any" if args.get("match") == "any" else "all"
    sort = tuple(
        (key.removeprefix("-"), key.startswith("-")) for key in args.getlist("sort") if key
    )
    return Query(
        search=args.get("q", "").strip()[:200],
        filter={match: rows} if rows else {},
        sort=sort[:MAX_SORTS],
        columns=tuple(args.getlist("column")),
        after=args.get("after", ""),
    )


def read_text(query: str) -> Query:
    """A Query from a stored query string."""
    return read(MultiDict(parse_qsl(query, keep_blank_values=True)))


def conditions(filter: dict) -> list[dict]:
    """The plain conditions of a filter, for showing them in its builder."""
    rows = filter.get("any", filter.get("all", []))
    return [row for row in rows if "field" in row]


def keyset(
    statement: Select, order: Sequence[tuple[ColumnElement, bool]], cursor: str, size: int
) -> Select:
    """`statement` from the row after `cursor` on, in `order` (expression, is descending), the last
    of which is unique. No OFFSET: the millionth page costs what the first does."""
    values = _typed(read_cursor(cursor), order)
    if values is not None:
        clauses = []
        for position, (expression, is_descending) in enumerate(order):
            same = [order[i][0] == values[i] for i in range(position)]
            beyond = (
                expression < values[position] if is_descending else expression > values[position]
            )
            clauses.append(and_(*same, beyond))
        statement = statement.where(or_(*clauses))
    ordered = [expression.desc() if down else expression.asc() for expression, down in order]
    return statement.order_by(*ordered).limit(size + 1)


def _typed(values: list | None, order: Sequence) -> list | None:
    """Cursor values as their columns' Python types; None where they are not of this order."""
    if values is None or len(values) != len(order):
        return None
    try:
        return [
            _typed_one(value, expression)
            for value, (expression, _) in zip(values, order, strict=True)
        ]
    except (TypeError, ValueError):
        return None


def _typed_one(value: object, expression: ColumnElement) -> object:
    """Times come as ISO text. Raises TypeError, ValueError."""
    if isinstance(expression.type, UtcDateTime):
        return datetime.fromisoformat(value)  # type: ignore[arg-type]
    kind = (int, float) if isinstance(expression.type, Float | Integer | Numeric) else str
    if not isinstance(value, kind):
        raise TypeError
    return value


def make_cursor(values: Sequence) -> str:
    return base64.urlsafe_b64encode(json.dumps(list(values), default=str).encode()).decode()


def read_cursor(cursor: str) -> list | None:
    """The values in a cursor; None for none, or for one that was tampered with."""
    if not cursor:
        return None
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor))
    except (binascii.Error, ValueError):
        return None
    return values if isinstance(values, list) else None
