"""Which copies of an email are meant: a filter of the Recipients tab, or copies ticked in it."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from sqlalchemy import ColumnElement, exists, or_

from webapp.columns import domain_part, folded
from webapp.delivery import grouping
from webapp.delivery.models import Recipient
from webapp.delivery.models_following import Attention, LinkClick
from webapp.delivery.statuses import Group, Status, group_of
from webapp.delivery.tallying import PARTS

MOST_IDS = 500
# every part of the books is a filter of its own, beside the three groups
GROUPS: dict[str, tuple[Status, ...]] = {
    "delivered": (Status.DELIVERED,),
    "sent": (Status.SENT,),
    "not-sent": tuple(status for status in Status if group_of(status) is Group.NOT_SENT),
}
# not sent, and not tried any more
ENDED = PARTS["bounced"] + PARTS["dropped"] + PARTS["failed"]
FILTERS: dict[str, tuple[Status, ...]] = {**PARTS, **GROUPS, "ended": ENDED}


# what people or only machines did with a copy; "clicked-3": people followed link no. 3
ATTENTION: dict[str, ColumnElement] = {
    "opened": Attention.opened_by == "human",
    "opened-machine": Attention.opened_by == "machine",
    "clicked": Attention.clicked_by == "human",
    "clicked-machine": Attention.clicked_by == "machine",
}
_LINK = re.compile(r"clicked-(\d{1,4})")


@dataclass(frozen=True)
class Selection:
    """`show` is a key of FILTERS or ATTENTION, "clicked-" with a link's number, or "" for all;
    `cause` one reason or "", `search` words that all occur in name or address; `at` is a
    destination of delivery.grouping or ""; `ids`, where there are any, are the copies
    themselves."""

    show: str = ""
    cause: str = ""
    search: str = ""
    at: str = ""
    ids: tuple[int, ...] = ()

    @property
    def is_narrow(self) -> bool:
        """Whether it asks for more than a status, so that only the copies can tell how many."""
        is_attention = attention_of(self.show) is not None
        return bool(self.cause or self.search or self.at or self.ids or is_attention)

    @property
    def words(self) -> list[str]:
        """Those that are looked for, as folded() writes them."""
        return self.search.lower().split()[:6]

    def as_json(self) -> dict:
        return {key: list(value) if key == "ids" else value for key, value in asdict(self).items()}


def from_json(stored: Mapping) -> Selection:
    """What as_json made; {} is everybody."""
    texts = {key: stored.get(key, "") for key in ("show", "cause", "search", "at")}
    return Selection(**texts, ids=tuple(stored.get("ids", ()))[:MOST_IDS])


def link_of(show: str) -> int | None:
    """The number of the link whose clicks are shown, or None."""
    found = _LINK.fullmatch(show)
    return int(found[1]) if found else None


def attention_of(show: str) -> tuple[type[Attention | LinkClick], ColumnElement] | None:
    """(where it is noted who did what `show` says, how), or None for what needs nobody."""
    if show in ATTENTION:
        return Attention, ATTENTION[show]
    number = link_of(show)
    if number is None:
        return None
    return LinkClick, (LinkClick.number == number) & LinkClick.is_human


def conditions(selection: Selection, copy: type[Recipient] = Recipient) -> list[ColumnElement]:
    """The WHERE of `selection` over copies of one email; `copy` may be an alias."""
    found: list[ColumnElement] = []
    if selection.show in FILTERS:
        found.append(copy.status.in_(FILTERS[selection.show]))
    elif attention := attention_of(selection.show):
        noted, did_it = attention
        found.append(exists().where(noted.recipient_id == copy.id, did_it))
    if selection.cause:
        found.append(copy.cause == selection.cause)
    if selection.at:
        found.append(domain_part(copy.address_key).in_(grouping.domains_of(selection.at)))
    if selection.ids:
        found.append(copy.id.in_(selection.ids))
    for word in selection.words:
        found.append(
            or_(
                folded(copy.name).contains(word, autoescape=True),
                folded(copy.address).contains(word, autoescape=True),
            )
        )
    return found
