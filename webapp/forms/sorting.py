"""Many rows in an order that no index has: sorted by a job, which keeps their ids; paged by place.

Who shows rows of a kind registers how their ids are selected in an order. The order is that of a
moment: rows that come later are not in it until somebody has them sorted again.
"""

import hashlib
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Select, delete, insert, select, update

from webapp.accounts.models import Workspace
from webapp.columns import database_now
from webapp.extensions import db, reading
from webapp.forms import claiming, grid
from webapp.forms.filtering import FilterError
from webapp.forms.models import SortedRows, Sorting, TransferStage
from webapp.lib import clock
from webapp.rows import insert_into

BLOCK = 5_000  # ids in a row of SortedRows
READ = 10_000  # ids read at a time
KEPT_FOR = timedelta(days=1)
SORTING_SECONDS = 300  # how long the database may take before another worker tries

# (the id of the form or email, the query) → SELECT of the ids in its order; None: there is none
Order = Callable[[int, str], Select | None]
_orders: dict[str, Order] = {}


@dataclass(frozen=True)
class Asked:
    """Rows of a kind that is registered, of the form or email `of_id`, as `query` orders them."""

    what: str
    of_id: int
    query: str

    @property
    def key(self) -> str:
        return hashlib.sha256(f"{self.what} {self.of_id} {self.query}".encode()).hexdigest()


def register(what: str, order: Order) -> None:
    _orders[what] = order


def find(asked: Asked) -> Sorting | None:
    """The order, made or being made; None where nobody asked for it."""
    return db.session.scalar(select(Sorting).where(Sorting.key == asked.key))


def ask(workspace: Workspace, asked: Asked) -> Sorting:
    """Have rows sorted, once more where they were sorted before; what is being sorted goes on.
    Commits; then wake."""
    values = {"key": asked.key, "what": asked.what, "of_id": asked.of_id, "query": asked.query}
    again = {"stage": TransferStage.RUNNING, "rows_done": 0, "tries": 0, "error": ""}
    again |= {"lease_until": None, "as_of": clock.now()}
    db.session.execute(
        insert_into(Sorting)
        .values(workspace_id=workspace.id, fence=0, **values, **again)
        .on_conflict_do_update(
            index_elements=["key"], set_=again, where=Sorting.stage != TransferStage.RUNNING
        )
    )
    db.session.commit()
    return db.session.scalars(select(Sorting).where(Sorting.key == asked.key)).one()


def run(sorting_id: int) -> None:
    """Sort, as a reader, and keep the ids. Commits."""
    fence = claiming.claim(Sorting, sorting_id)
    if fence is None:
        return
    try:
        claiming.keep(Sorting, sorting_id, fence, lease_until=database_now(SORTING_SECONDS))
        db.session.commit()
        as_of = clock.now()
        ids = _sorted(sorting_id)
        _keep(sorting_id, fence, ids)
        claiming.keep(
            Sorting, sorting_id, fence, stage=TransferStage.FINISHED, rows_done=len(ids),
            as_of=as_of,
        )  # fmt: skip
        db.session.commit()
    except claiming.Lost:
        pass
    except FilterError as error:
        db.session.rollback()
        _fail(sorting_id, str(error))


def page(sorting: Sorting, cursor: str, size: int) -> tuple[list[int], str]:
    """(up to `size` ids after `cursor`, cursor of the next page or "")."""
    match grid.read_cursor(cursor):
        case [int(place)] if 0 < place < 2**31:
            pass
        case _:
            place = 0
    first, last = place // BLOCK, (place + size - 1) // BLOCK
    blocks = db.session.scalars(
        select(SortedRows.ids)
        .where(SortedRows.sorting_id == sorting.id, SortedRows.number.between(first, last))
        .order_by(SortedRows.number)
    )
    start, end = place - first * BLOCK, place + size
    found = array("q", b"".join(blocks))[start : start + size]
    return list(found), grid.make_cursor([end]) if end < sorting.rows_done else ""


def waiting() -> list[int]:
    """What a worker should be at."""
    return claiming.waiting(Sorting)


def give_up_hopeless() -> None:
    """End what was tried often, and forget what is old. Commits."""
    for sorting_id in claiming.hopeless(Sorting):
        _fail(sorting_id, "It stopped several times. The log says why.")
    db.session.execute(delete(Sorting).where(Sorting.as_of < clock.now() - KEPT_FOR))
    db.session.commit()


def _sorted(sorting_id: int) -> array:
    """The ids, in a transaction that only reads: others write meanwhile."""
    found = array("q")
    with reading():
        sorting = db.session.get_one(Sorting, sorting_id)
        statement = _orders[sorting.what](sorting.of_id, sorting.query)
        if statement is not None:
            told = db.session.scalars(statement.execution_options(yield_per=READ))
            for some in told.partitions():
                found.extend(some)
        db.session.rollback()
    return found


def _keep(sorting_id: int, fence: int, found: array) -> None:
    """In place of those that were kept before, in the running transaction."""
    claiming.keep(Sorting, sorting_id, fence)
    db.session.execute(delete(SortedRows).where(SortedRows.sorting_id == sorting_id))
    blocks = [
        {"sorting_id": sorting_id, "number": number, "ids": found[start : start + BLOCK].tobytes()}
        for number, start in enumerate(range(0, len(found), BLOCK))
    ]
    if blocks:
        db.session.execute(insert(SortedRows), blocks)


def _fail(sorting_id: int, why: str) -> None:
    db.session.execute(
        update(Sorting)
        .where(Sorting.id == sorting_id)
        .values(stage=TransferStage.FAILED, error=why[:500])
    )
    db.session.commit()
