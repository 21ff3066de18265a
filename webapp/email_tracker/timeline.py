"""Everything known of one copy: its facts, its six statuses, and its history in order."""

from dataclasses import dataclass, replace
from datetime import datetime

from flask import current_app
from sqlalchemy import select

from webapp.bulk_email import listing
from webapp.bulk_email.models import BulkEmail
from webapp.delivery import attending, locating, selecting, suppressing, tokens
from webapp.delivery.models import Attempt, Event, MatchedBy, Recipient, Tally
from webapp.delivery.models_following import Attention
from webapp.delivery.statuses import (
    LABEL_HELP,
    Label,
    Status,
    group_of,
    label_of,
    label_text,
)
from webapp.email_tracker import attention, corrections, wording
from webapp.email_tracker.corrections import Correction
from webapp.extensions import db
from webapp.forms.models import Record
from webapp.mail.causes import WORDS, Cause

KINDS = {
    "processed": "The provider took it over",
    "deferred": "Their server asked to come back later",
    "delivered": "Their server accepted it",
    "bounced_soft": "Their server did not accept it for now",
    "bounced": "Their server refused it",
    "dropped": "The provider did not try",
    "autoreplied": "An automatic answer came: it has arrived",
    "opened": "Opened",
    "clicked": "A link was clicked",
    "complained": "Marked as spam",
    "unsubscribed": "Unsubscribed",
    "subscribed": "Asked for mail again",
    "unknown": "A report we do not know",
}
_OUTCOMES = {
    Status.SENT: "Accepted for delivery",
    Status.RETRYING: "Refused for now",
    Status.BOUNCED: "Refused",
    Status.BOUNCED_SOFT: "Refused, and the time to try is over",
    Status.FAILED: "Not sent",
    Status.UNCONFIRMED: "The line broke before the answer",
}


@dataclass(frozen=True)
class Entry:
    """One line of a timeline. `recorded_at` is set where it came in noticeably later."""

    at: datetime
    title: str
    status: Status | None
    cause: str
    raw: str
    note: str
    recorded_at: datetime | None
    icon: str
    tone: str


@dataclass(frozen=True)
class LabelLine:
    """One of the six in the Status drop-down."""

    title: str
    help: str
    is_current: bool
    reached_at: datetime | None


def record_context(copy: Recipient, product_name: str) -> dict:
    """What the record page of Email Tracker Stats shows."""
    bulk_email = db.session.get_one(BulkEmail, copy.bulk_email_id)
    entries = history(copy)
    tally = db.session.get(Tally, bulk_email.id)
    suppression = suppressing.suppressed(copy.workspace_id, [copy.address_key or ""])
    return {
        "copy": copy,
        "email": bulk_email,
        "version": listing.version_of(bulk_email, tally),
        "is_live": not listing.is_settled(bulk_email, tally),
        "said": wording.say(copy, product_name),
        "labels": labels(copy, entries, product_name),
        "before": [wording.WAITING, wording.BEING_SENT, wording.CANNOT_TELL],
        "entries": entries,
        "next_try": wording.next_try(copy),
        "may_send_again": copy.status in selecting.ENDED,
        "message_id": message_id,
        "attention": db.session.get(Attention, copy.id),
        "follows": attention.follows(bulk_email, None),
        "source": db.session.get(Record, copy.record_id) if copy.record_id else None,
        "suppression": suppression.get(copy.address_key or ""),
        "resent_as": db.session.scalars(
            select(Recipient).where(Recipient.resend_of_id == copy.id)
        ).all(),
        "resend_of": db.session.get(Recipient, copy.resend_of_id) if copy.resend_of_id else None,
    }


def message_id(copy: Recipient, bulk_email: BulkEmail) -> str:
    """The Message-ID on the wire, the same for every try."""
    token = tokens.copy_token(current_app.config["TOKEN_KEY"], copy.id)
    domain = (bulk_email.template or {}).get("message_id_domain", "")
    return f"<{token}@{domain}>"


def labels(copy: Recipient, entries: list[Entry], product_name: str) -> list[LabelLine]:
    """The six with their help, the current one marked and each with the time it was reached."""
    current = label_of(copy.status)
    reached: dict[Label, datetime] = {}
    for entry in entries:
        label = label_of(entry.status) if entry.status else None
        if label:
            reached.setdefault(label, entry.at)
    if current:
        reached.setdefault(current, copy.changed_at)
    return [
        LabelLine(
            label_text(label, product_name), LABEL_HELP[label], label is current, reached.get(label)
        )
        for label in Label
    ]


def history(copy: Recipient) -> list[Entry]:
    """Attempts, events and corrections in the order in which they happened."""
    said = [*_attempts(copy), *_events(copy)]
    if copy.decision in (Status.WITHHELD, Status.FAILED) and not said:
        said.append(_decided(copy))
    mended = [_corrected(each) for each in corrections.of(copy)]
    return sorted(_named([_begun(copy), *said, *mended]), key=lambda entry: entry.at)


def _named(entries: list[Entry]) -> list[Entry]:
    """Delivered and bounced contradict each other: each of them says what it contradicts."""
    against = {Status.DELIVERED: Status.BOUNCED, Status.BOUNCED: Status.DELIVERED}
    found = []
    for entry in entries:
        other = next(
            (e for e in entries if e.status and e.status is against.get(entry.status)), None
        )
        if other is not None:
            contradiction = f"It contradicts: “{other.title}”."
            entry = replace(entry, note=" ".join(filter(None, [entry.note, contradiction])))
        found.append(entry)
    return found


def _corrected(mended: Correction) -> Entry:
    return Entry(mended.at, mended.title, None, "", "", mended.note, None, "pencil", "status-quiet")


def _begun(copy: Recipient) -> Entry:
    title = "The copy was made, its address and values frozen"
    return Entry(copy.created_at, title, None, "", "", "", None, "file-text", "status-quiet")


def _decided(copy: Recipient) -> Entry:
    title = "Not attempted" if copy.decision is Status.WITHHELD else "Not sent"
    icon, tone = wording.ICONS[group_of(copy.decision)]
    return Entry(
        copy.changed_at,
        title,
        copy.decision,
        _sentence(copy.cause),
        copy.reply,
        "",
        None,
        icon,
        tone,
    )


def _attempts(copy: Recipient) -> list[Entry]:
    rows = db.session.scalars(
        select(Attempt).where(Attempt.recipient_id == copy.id).order_by(Attempt.id)
    )
    return [
        Entry(
            at=row.ended_at,
            title=f"Attempt {number}: {_OUTCOMES.get(row.status, row.status)}",
            status=row.status,
            cause=_sentence(row.cause),
            raw=row.reply,
            note="" if row.is_fence_valid else "Said by a worker that had lost its turn.",
            recorded_at=None,
            icon=_icon(row.status)[0],
            tone=_icon(row.status)[1],
        )
        for number, row in enumerate(rows, 1)
    ]


def _events(copy: Recipient) -> list[Entry]:
    rows = db.session.scalars(
        select(Event)
        .where(Event.recipient_id == copy.id, Event.superseded_at.is_(None))
        .order_by(Event.id)
    )
    events = rows.all()
    looked = attending.look(events, copy.first_tried_at, locating.rules())
    seen = {each.event.id: each for each in looked}
    return [_event(row, seen.get(row.id)) for row in events]


def _event(row: Event, seen: attending.Seen | None) -> Entry:
    notes = {
        MatchedBy.ADDRESS: "Matched by the address only, so it proves nothing.",
        MatchedBy.PERSON: "Said by the person.",
        MatchedBy.MESSAGE_ID: "Matched by the provider's message id.",
    }
    if row.matched_by == MatchedBy.PERSON and row.arrival_id:
        notes[MatchedBy.PERSON] = "Attached to this copy by hand."
    elif topic := row.details.get("topic"):
        notes[MatchedBy.PERSON] = f"Said by the person, of {topic} alone."
    note = " ".join(filter(None, [seen and attention.evidence(seen), notes.get(row.matched_by)]))
    is_late = (row.recorded_at - row.happened_at).total_seconds() > 60
    icon, tone = _icon(None if seen and seen.is_machine else row.status)
    return Entry(
        at=row.happened_at,
        title=_title(row, seen),
        status=row.status,
        cause=_sentence(row.cause),
        raw=attention.facts(seen) if seen else row.reply,
        note=note,
        recorded_at=row.recorded_at if is_late else None,
        icon=icon,
        tone=tone,
    )


def _title(row: Event, seen: attending.Seen | None) -> str:
    title = KINDS.get(row.kind, row.kind)
    if seen is None or not seen.is_machine:
        return title
    return "The hidden link was followed" if seen.fetch.is_hidden else f"{title} by a machine"


def _icon(status: Status | None) -> tuple[str, str]:
    if status is None:
        return "info-circle", "status-quiet"
    if status in (Status.RETRYING, Status.DEFERRED, Status.UNCONFIRMED):
        return wording.AMBER
    return wording.ICONS[group_of(status)]


def _sentence(cause: str | None) -> str:
    return WORDS[Cause(cause)].sentence if cause else ""
