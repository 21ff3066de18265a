"""Where the rows of a grid come from: records, or what a plugin registers."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from webapp.forms.grid import Query
from webapp.forms.models import Form, Sorting


@dataclass(frozen=True)
class Column:
    """A column that a grid can show. `operators` are those its filter offers ({} of OPERATORS)."""

    key: str
    label: str
    kind: str = "text"
    is_shown: bool = True
    is_sortable: bool = True
    operators: tuple[str, ...] = ("is", "is_not", "contains", "starts", "empty", "filled")


@dataclass(frozen=True)
class Row:
    """One row: its id and what its cells show, by column key. `icons` may name one for a cell."""

    id: int
    cells: dict[str, Any]
    icons: dict[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """`next_cursor` is "" on the last page. `looked_at` is said where a look at all rows would take
    long: how many were looked at so far, this page's and those of the pages before. `total` is said
    where all rows are known by the way; `is_behind` where they will be, a little later.
    `wants_sorting`: the order asked for is made by a job; `sorting` says how far it is, and while
    it is not finished the rows come in another order."""

    rows: list[Row]
    next_cursor: str
    looked_at: int | None = None
    total: int | None = None
    is_behind: bool = False
    wants_sorting: bool = False
    sorting: Sorting | None = None

    @property
    def is_in_order(self) -> bool:
        """Whether the rows come in the order asked for."""
        return not self.wants_sorting or (self.sorting is not None and self.sorting.is_done)


class RowSource(Protocol):
    """What a form's grid, filters, views, export and record page go through.

    Register one under the name that stands in Form.source. `page` and `export` raise
    filtering.FilterError for filters they do not understand; `count` may be None where counting
    would be slow; `record_page` gives (template of the part, its context), or None for an id that
    is not the workspace's.
    """

    is_editable: bool
    is_searched: bool  # by the box in the bar; else a panel of the plugin looks for people

    def columns(self, form: Form) -> list[Column]: ...

    def count(self, form: Form, query: Query) -> int | None: ...

    def page(self, form: Form, query: Query) -> Page: ...

    def export(self, form: Form, query: Query) -> Iterator[dict[str, Any]]: ...

    def record_page(self, form: Form, row_id: int) -> tuple[str, dict] | None: ...


_sources: dict[str, RowSource] = {}


def register(name: str, source: RowSource) -> None:
    _sources[name] = source


def source_of(form: Form) -> RowSource:
    """The source of a form's rows; its own records by default."""
    return _sources[form.source or "records"]
