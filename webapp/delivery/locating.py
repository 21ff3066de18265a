"""Networks of data centres that the operator has named, and the rules they are a part of.

They are kept in the database, so that all hosts judge alike. Whatever was judged by another list is
judged again (attending.judge_old).
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select

from webapp.delivery.models_following import DataCentre
from webapp.extensions import db
from webapp.lib import clock
from webapp.mail import attention
from webapp.mail.networks import Networks


@dataclass(frozen=True)
class Rules:
    """By what opens and clicks are judged now: `mark` is another one when any of it changes."""

    mark: int
    data_centres: Networks


_last = Rules(-1, Networks())  # of this process: the list is long, and asked for at every judging


def rules() -> Rules:
    """In the running transaction; one look at the marks, and at the networks when they are new."""
    global _last
    rows = db.session.execute(
        select(DataCentre.name, DataCentre.mark).order_by(DataCentre.name)
    ).all()
    written = repr([attention.RULES_VERSION, [tuple(row) for row in rows]])
    mark = zlib.crc32(written.encode()) >> 1  # fits an INTEGER
    if mark != _last.mark:
        texts = db.session.scalars(select(DataCentre.networks))
        _last = Rules(mark, Networks(line for text in texts for line in text.split()))
    return _last


def listed() -> Sequence[DataCentre]:
    return db.session.scalars(select(DataCentre).order_by(DataCentre.name)).all()


def keep(name: str, networks: Sequence[str]) -> None:
    """What mail.networks.read found, in place of what was kept under that name. Commits."""
    text = "\n".join(networks)
    row = db.session.get(DataCentre, name) or DataCentre(name=name)
    row.networks, row.size, row.read_at = text, len(networks), clock.now()
    row.mark = zlib.crc32(text.encode()) >> 1
    db.session.add(row)
    db.session.commit()


def forget(name: str) -> bool:
    """Whether there was any. Commits."""
    gone = db.session.execute(delete(DataCentre).where(DataCentre.name == name))
    db.session.commit()
    return gone.rowcount == 1
