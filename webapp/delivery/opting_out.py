"""Topics: who wants no mail of one of them, and still gets the others."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, delete, exists, func, select
from sqlalchemy.exc import IntegrityError

from webapp.accounts.models import Workspace
from webapp.delivery.models_topics import OptOut, Topic
from webapp.extensions import db
from webapp.lib import clock
from webapp.rows import insert_into


def topics(workspace: Workspace) -> Sequence[Topic]:
    """The workspace's kinds of mail, by name."""
    return db.session.scalars(
        select(Topic)
        .where(Topic.workspace_id == workspace.id, Topic.removed_at.is_(None))
        .order_by(Topic.name)
    ).all()


def removed(workspace: Workspace) -> Sequence[Topic]:
    """Those that are offered no more, the last first."""
    return db.session.scalars(
        select(Topic)
        .where(Topic.workspace_id == workspace.id, Topic.removed_at.is_not(None))
        .order_by(Topic.removed_at.desc())
        .limit(50)
    ).all()


def counts(workspace: Workspace) -> dict[int, int]:
    """{topic id: how many have turned it down}."""
    rows = db.session.execute(
        select(OptOut.topic_id, func.count())
        .join(Topic, Topic.id == OptOut.topic_id)
        .where(Topic.workspace_id == workspace.id)
        .group_by(OptOut.topic_id)
    )
    return {row[0]: row[1] for row in rows}


def add(workspace: Workspace, name: str) -> bool:
    """A new kind of mail. False: there is one of that name. Commits."""
    db.session.add(Topic(workspace_id=workspace.id, name=name))
    return _is_kept()


def rename(topic: Topic, name: str) -> bool:
    """Who turned it down has turned it down under its new name too. False: there is one of that
    name. Commits."""
    topic.name = name
    return _is_kept()


def offer_again(topic: Topic) -> bool:
    """What was removed by mistake; False: there is another of its name by now. Commits."""
    topic.removed_at = None
    return _is_kept()


def _is_kept() -> bool:
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        return False
    return True


def remove(topic: Topic) -> None:
    """Offer it no more; what was sent under it can still be turned down. Commits."""
    topic.removed_at = topic.removed_at or clock.now()
    db.session.commit()


def opt_out(topic_id: int, address_key: str, recipient_id: int | None) -> None:
    """In the caller's transaction; twice is once."""
    db.session.execute(
        insert_into(OptOut)
        .values(
            topic_id=topic_id,
            address_key=address_key,
            recipient_id=recipient_id,
            created_at=clock.now(),
        )
        .on_conflict_do_nothing(index_elements=["topic_id", "address_key"])
    )


def opt_in(topic_id: int, address_key: str) -> None:
    """The person takes it back. In the caller's transaction."""
    db.session.execute(
        delete(OptOut).where(OptOut.topic_id == topic_id, OptOut.address_key == address_key)
    )


def opted_out(topic_id: int, keys: Sequence[str]) -> set[str]:
    """Who of these wants no mail of the topic."""
    found: set[str] = set()
    for start in range(0, len(keys), 500):
        found |= set(
            db.session.scalars(
                select(OptOut.address_key).where(
                    OptOut.topic_id == topic_id,
                    OptOut.address_key.in_(keys[start : start + 500]),
                )
            )
        )
    return found


def has_opted_out(topic_id: int, address_key: ColumnElement[str]) -> ColumnElement[bool]:
    """The same as a condition: one look into the primary key."""
    return exists().where(OptOut.topic_id == topic_id, OptOut.address_key == address_key)
