"""What became of a copy: the statuses, their order, and how they are shown."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import SmallInteger
from sqlalchemy.types import TypeDecorator

from webapp.mail.reports import ReportKind

PRODUCT_NAME = "Zengine"


class Status(StrEnum):
    """In rising order: of two statuses the later in this list wins, whatever came first."""

    rank: int  # its place in this list

    QUEUED = "queued"
    RETRYING = "retrying"
    WITHHELD = "withheld"
    FAILED = "failed"
    UNCONFIRMED = "unconfirmed"
    SENT = "sent"
    DEFERRED = "deferred"
    DROPPED = "dropped"
    BOUNCED_SOFT = "bounced_soft"
    DELIVERED = "delivered"
    BOUNCED = "bounced"


_BY_RANK = list(Status)
for _rank, _status in enumerate(_BY_RANK):
    _status.rank = _rank


class StatusColumn(TypeDecorator):
    """Stored as its rank, so that raising a status is MAX (GREATEST) on a small integer."""

    impl = SmallInteger
    cache_ok = True

    def process_bind_param(self, value: "Status | None", dialect) -> int | None:
        return None if value is None else Status(value).rank

    def process_result_value(self, value: int | None, dialect) -> "Status | None":
        return None if value is None else _BY_RANK[value]


class Group(StrEnum):
    """The three of the Recipients tab."""

    DELIVERED = "Delivered"
    SENT = "Sent"
    NOT_SENT = "Not Sent"


def group_of(status: Status) -> Group:
    if status is Status.DELIVERED:
        return Group.DELIVERED
    return Group.SENT if status is Status.SENT else Group.NOT_SENT


class Label(StrEnum):
    """The codes of the six labelled statuses."""

    FAILED = "failed"
    DEFERRED = "deferred"
    DROPPED = "dropped"
    SENT = "sent"
    DELIVERED = "delivered"
    BOUNCED = "bounced"


_LABELS: dict[Status, Label | None] = {
    Status.QUEUED: None,
    Status.RETRYING: Label.DEFERRED,
    Status.WITHHELD: Label.DROPPED,
    Status.FAILED: Label.FAILED,
    Status.UNCONFIRMED: None,
    Status.SENT: Label.SENT,
    Status.DEFERRED: Label.DEFERRED,
    Status.DROPPED: Label.DROPPED,
    Status.BOUNCED_SOFT: Label.BOUNCED,
    Status.DELIVERED: Label.DELIVERED,
    Status.BOUNCED: Label.BOUNCED,
}


def label_of(status: Status) -> Label | None:
    """Which of the six a status is shown as; None while it has none yet (queued, unconfirmed)."""
    return _LABELS[status]


def label_text(label: Label, product_name: str = PRODUCT_NAME) -> str:
    """The exact words of a label."""
    return {
        Label.FAILED: f"Not Sent ({product_name} Failure)",
        Label.DEFERRED: "Not Sent (Deferred)",
        Label.DROPPED: "Not Sent (Dropped)",
        Label.SENT: "Sent",
        Label.DELIVERED: "Delivered",
        Label.BOUNCED: "Bounced",
    }[label]


LABEL_HELP: dict[Label, str] = {
    Label.FAILED: "Our side: no valid address, the text could not be merged, the mail server"
    " refused us, or a check before sending failed.",
    Label.DEFERRED: "The receiving server asked to slow down or come back later. We are still"
    " trying.",
    Label.DROPPED: "Not attempted: this address bounced, complained or unsubscribed before, got"
    " this email already by another record, the email was cancelled, or the provider refused to"
    " try.",
    Label.SENT: "Accepted for delivery; no verdict from the recipient's server yet.",
    Label.DELIVERED: "The recipient's mail server accepted it. That is not a promise that it was"
    " read.",
    Label.BOUNCED: "The recipient's server refused it, at once or later.",
}


_OF_KIND: dict[ReportKind, Status | None] = {
    ReportKind.PROCESSED: Status.SENT,
    ReportKind.DEFERRED: Status.DEFERRED,
    ReportKind.DELIVERED: Status.DELIVERED,
    ReportKind.BOUNCED_SOFT: Status.BOUNCED_SOFT,
    ReportKind.BOUNCED: Status.BOUNCED,
    ReportKind.DROPPED: Status.DROPPED,
    # who opens, clicks, complains, unsubscribes or answers has got it (RFC 3834 for the last)
    ReportKind.AUTOREPLIED: Status.DELIVERED,
    ReportKind.OPENED: Status.DELIVERED,
    ReportKind.CLICKED: Status.DELIVERED,
    ReportKind.COMPLAINED: Status.DELIVERED,
    ReportKind.UNSUBSCRIBED: Status.DELIVERED,
    ReportKind.SUBSCRIBED: None,
    ReportKind.UNKNOWN: None,
}


def status_of_kind(kind: ReportKind) -> Status | None:
    """What an event of that kind alone says; None: nothing."""
    return _OF_KIND[kind]


@dataclass(frozen=True)
class Tried:
    """An Attempt as the status sees it."""

    status: Status
    generation: int
    is_fence_valid: bool


def status_of(
    events: Iterable[Status | None],
    decision: Status | None,
    attempts: Iterable[Tried],
    generation: int,
) -> Status:
    """The status that follows from everything known of a copy: total, and free of order.

    `events`: what each event that is not superseded says; `decision`: this generation's stored
    decision. Of attempts those of this generation under a valid fence count, and any 250.
    """
    said = [Status.QUEUED, *(status for status in events if status)]
    if decision:
        said.append(decision)
    for tried in attempts:
        is_current = tried.is_fence_valid and tried.generation == generation
        if is_current or tried.status is Status.SENT:
            said.append(tried.status)
    return max(said, key=lambda status: status.rank)
