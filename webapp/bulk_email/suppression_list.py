"""The list of suppressions as its page shows it: by reason, searched, page by page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, case, func, select

from webapp.accounts.models import Workspace
from webapp.delivery.models import Suppression
from webapp.extensions import db
from webapp.lib import clock
from webapp.mail.causes import WORDS, Cause

PAGE = 50
SHOWS = {
    "": "All",
    "gone": "Nobody there",
    "unsubscribed": "Unsubscribed",
    "complained": "Complained",
    "paused": "Paused",
    "hand": "By hand",
}
_OWN_WORDS = {
    Cause.SUPPRESSED: "Put here by hand",
    Cause.COMPLAINED: "Marked an email as spam",
    Cause.UNSUBSCRIBED: "Unsubscribed",
    Cause.MAILBOX_MISSING: "The mailbox does not exist",
    Cause.DOMAIN_MISSING: "The domain does not exist",
}
# what a person may say when putting addresses here
REASONS = {
    cause: _OWN_WORDS[cause]
    for cause in (
        Cause.SUPPRESSED,
        Cause.UNSUBSCRIBED,
        Cause.COMPLAINED,
        Cause.MAILBOX_MISSING,
    )
}
PERIODS = {
    "": ("for good", None),
    "30": ("for 30 days", timedelta(days=30)),
    "90": ("for 90 days", timedelta(days=90)),
    "365": ("for a year", timedelta(days=365)),
}


@dataclass(frozen=True)
class Wanted:
    """What the page is asked for: a key of SHOWS, letters of an address, and the id before which
    a further page begins (0: the first)."""

    show: str = ""
    words: str = ""
    before: int = 0


def page(workspace: Workspace, wanted: Wanted) -> Sequence[Suppression]:
    """The newest first; one more than a page holds where there are more."""
    statement = select(Suppression).where(*_active(workspace))
    if wanted.show:
        statement = statement.where(_kind() == wanted.show)
    if wanted.words:
        letters = wanted.words.casefold()
        statement = statement.where(Suppression.address_key.contains(letters, autoescape=True))
    if wanted.before:
        statement = statement.where(Suppression.id < wanted.before)
    return db.session.scalars(statement.order_by(Suppression.id.desc()).limit(PAGE + 1)).all()


def counts(workspace: Workspace) -> dict[str, int]:
    """How many of each of SHOWS."""
    kind = _kind()
    rows = db.session.execute(
        select(kind, func.count()).where(*_active(workspace)).group_by(kind)
    ).all()
    found = {row[0]: row[1] for row in rows}
    return {show: found.get(show, 0) for show in SHOWS} | {"": sum(found.values())}


def words(cause: str) -> str:
    """Why, in a few words."""
    return _OWN_WORDS.get(Cause(cause)) or WORDS[Cause(cause)].sentence


def until(period: str):
    """When a suppression for one of PERIODS ends; None: never."""
    length = PERIODS[period][1]
    return clock.now() + length if length else None


def _active(workspace: Workspace) -> list[ColumnElement[bool]]:
    return [Suppression.workspace_id == workspace.id, Suppression.lifted_at.is_(None)]


def _kind() -> ColumnElement[str]:
    by_cause = {
        Cause.UNSUBSCRIBED: "unsubscribed",
        Cause.COMPLAINED: "complained",
        Cause.MAILBOX_MISSING: "gone",
        Cause.DOMAIN_MISSING: "gone",
        Cause.SUPPRESSED: "hand",
    }
    return case(by_cause, value=Suppression.cause, else_="paused")
