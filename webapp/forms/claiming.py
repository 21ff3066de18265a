"""One worker at a time at an import or export: a lease by the database's clock, a rising fence.

A worker that dies leaves a lease that ends; the clock wakes the next one, which goes on where the
last commit was. A worker that only slept finds its fence outdated and stops.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import or_, select, update

from webapp.columns import database_now
from webapp.extensions import db
from webapp.forms.models import TransferStage
from webapp.forms.reading_csv import NotCsv

LEASE_SECONDS = 30
MAX_TRIES = 5  # without progress in between

# a model that is Claimed, with the columns id and stage (a TransferStage)
Transfer = type[Any]


class Lost(Exception):
    """Another worker has taken it over, or it is gone."""


def work(
    model: Transfer, row_id: int, go: Callable[[int, int], None], fail: Callable[[int, str], None]
) -> None:
    """Claim a file and go(row_id, fence); fail(row_id, why) where it cannot be read (NotCsv).
    Nothing to do is no error. Commits."""
    fence = claim(model, row_id)
    if fence is None:
        return
    try:
        go(row_id, fence)
    except Lost:
        return
    except NotCsv as error:
        db.session.rollback()
        fail(row_id, str(error))


def claim(model: Transfer, row_id: int) -> int | None:
    """Take what is free: the fence for `keep`, or None when it is not to be had. Commits."""
    fence = db.session.scalar(
        update(model)
        .where(model.id == row_id, _is_free(model))
        .values(
            fence=model.fence + 1, tries=model.tries + 1, lease_until=database_now(LEASE_SECONDS)
        )
        .returning(model.fence)
        .execution_options(synchronize_session=False)
    )
    db.session.commit()
    return fence


def keep(model: Transfer, row_id: int, fence: int, **values) -> None:
    """Note progress (`values` are columns) and go on for another lease, in the running transaction.

    Raises Lost, having rolled back, where the fence is not the last one.
    """
    done = db.session.execute(
        update(model)
        .where(model.id == row_id, model.fence == fence, model.stage == TransferStage.RUNNING)
        .values({"tries": 0, "lease_until": database_now(LEASE_SECONDS)} | values)
        .execution_options(synchronize_session=False)
    )
    if done.rowcount == 0:
        db.session.rollback()
        raise Lost


def waiting(model: Transfer) -> list[int]:
    """What nobody is at."""
    return list(db.session.scalars(select(model.id).where(_is_free(model))))


def hopeless(model: Transfer) -> list[int]:
    """What was tried often and never got further."""
    return list(
        db.session.scalars(
            select(model.id).where(_is_running(model), model.tries >= MAX_TRIES, _has_ended(model))
        )
    )


def _is_free(model: Transfer):
    return _is_running(model) & (model.tries < MAX_TRIES) & _has_ended(model)


def _is_running(model: Transfer):
    return model.stage == TransferStage.RUNNING


def _has_ended(model: Transfer):
    return or_(model.lease_until.is_(None), model.lease_until < database_now())
