"""A copy in words: its status, its line in the Recipients tab, its reason."""

from dataclasses import dataclass, replace
from datetime import datetime

from webapp.bulk_email.eligibility import Refusal
from webapp.delivery.models import Recipient
from webapp.delivery.statuses import (
    LABEL_HELP,
    Group,
    Label,
    Status,
    group_of,
    label_of,
    label_text,
)
from webapp.mail.causes import WORDS, Cause, Words

WAITING = "Waiting"
BEING_SENT = "Being sent"
CANNOT_TELL = "Cannot tell yet"

ICONS: dict[Group, tuple[str, str]] = {
    Group.DELIVERED: ("circle-check", "status-ok"),
    Group.SENT: ("send", "status-note"),
    Group.NOT_SENT: ("circle-x", "status-bad"),
}
AMBER = ("clock", "status-wait")
_OF_LABELS = (
    Status.FAILED,
    Status.DEFERRED,
    Status.DROPPED,
    Status.SENT,
    Status.DELIVERED,
    Status.BOUNCED,
)
_HOPEFUL = (Status.QUEUED, Status.RETRYING, Status.DEFERRED, Status.UNCONFIRMED)


_MENDS_ITSELF = (Cause.TOO_FAST, Cause.GREYLISTED, Cause.UNREACHABLE)
TOO_LATE = "It is not tried any more. Send it again later, or reach the person another way."


# why somebody who did not get an email is not sent it again
REFUSALS: dict[Refusal, str] = {
    Refusal.GONE: "whose record has been deleted since",
    Refusal.NO_ADDRESS: "without a valid address in the record",
    Refusal.UNSUBSCRIBED: "who have unsubscribed",
    Refusal.TURNED_DOWN: "who have unsubscribed from this kind of mail",
    Refusal.COMPLAINED: "who marked an earlier mail as spam",
    Refusal.SUPPRESSED: "whose address failed before and is suppressed: it wants correcting",
    Refusal.SENT_AGAIN: "to whom it was sent again already",
    Refusal.TWIN: "whose address gets it by another record",
    Refusal.SAME_ADDRESS: "whose address is still the one that failed: it wants correcting",
    Refusal.SAME_TEXT: "whose server refused this text: change it first",
    Refusal.TOO_EARLY: "for whom it is too early: their server wants more time",
}
# why copies that have not ended without success are left alone, by part of the books
STANDING: dict[str, str] = {
    "delivered": "who have it: delivered",
    "sent": "to whom it was sent: no verdict yet, it may have arrived",
    "still_trying": "to whom it is still being tried",
    "unconfirmed": "of whom we cannot tell: decide about these first",
    "waiting": "who still wait for their copy",
}


@dataclass(frozen=True)
class Said:
    """How a copy is shown. `label` is one of the six or None; `group` one of the three."""

    title: str
    label: Label | None
    group: Group
    icon: str
    tone: str
    why: str
    words: Words | None


def say(copy: Recipient, product_name: str) -> Said:
    """Everything that is said of a copy in a few words."""
    label = label_of(copy.status)
    group = group_of(copy.status)
    icon, tone = AMBER if copy.status in _HOPEFUL else ICONS[group]
    title = label_text(label, product_name) if label else before_any(copy)
    return Said(title, label, group, icon, tone, why(copy), words_of(copy))


def cause_sentence(cause: str) -> str:
    """What happened, for a cause as it stands in a URL; "" for none that we know."""
    return WORDS[Cause(cause)].sentence if cause in list(Cause) else ""


def glossary(product_name: str) -> list[tuple[str, Group, str, str, str]]:
    """(label, its group of the three, icon, tone, explanation) of each of the six."""
    lines = []
    for status in _OF_LABELS:
        label, group = label_of(status), group_of(status)
        assert label
        icon, tone = AMBER if status in _HOPEFUL else ICONS[group]
        lines.append((label_text(label, product_name), group, icon, tone, LABEL_HELP[label]))
    return lines


def before_any(copy: Recipient) -> str:
    """What a copy is called that has none of the six yet."""
    if copy.status is Status.UNCONFIRMED:
        return CANNOT_TELL
    return BEING_SENT if copy.in_flight_at else WAITING


def words_of(copy: Recipient) -> Words | None:
    """The reason in plain words, where one is needed."""
    if copy.cause and copy.status not in (Status.DELIVERED, Status.SENT):
        return words_for(copy.status, Cause(copy.cause))
    return None


def words_for(status: Status, cause: Cause) -> Words:
    """The words of a cause; what mends itself does so only for as long as it is being tried."""
    words = WORDS[cause]
    if cause in _MENDS_ITSELF and status not in (Status.RETRYING, Status.DEFERRED):
        return replace(words, remedy=TOO_LATE)
    return words


def why(copy: Recipient) -> str:
    """The second line under the three statuses; "" where the first says all."""
    words = words_of(copy)
    match copy.status:
        case Status.DELIVERED | Status.SENT:
            return "Reports of this copy contradict each other." if copy.is_conflicting else ""
        case Status.QUEUED:
            return "being sent" if copy.in_flight_at else "waiting"
        case Status.UNCONFIRMED:
            return "we cannot tell yet: the line broke before the answer"
        case Status.RETRYING | Status.DEFERRED:
            sentence = words.sentence if words else "Their server asked us to come back later."
            return f"{sentence} Still trying, {tries(copy)}."
        case Status.FAILED if copy.cause in (Cause.INVALID_ADDRESS, Cause.MERGE_FAILED):
            return copy.reply or WORDS[Cause(copy.cause)].sentence
    return words.sentence if words else ""


def tries(copy: Recipient) -> str:
    return f"attempt {copy.attempt_count}" if copy.attempt_count else "waiting for the next try"


def next_try(copy: Recipient) -> datetime | None:
    """When we try next ourselves; None where that is not for us to say."""
    return copy.next_try_at if copy.status is Status.RETRYING else None
