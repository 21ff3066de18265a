"""What pages say of an email: when it goes out, why it stands still, what was done to it."""

from webapp.accounts.models import AuditEntry
from webapp.accounts.wording import time_in
from webapp.bulk_email import scheduling
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.delivery.tallying import Books

DONE: dict[str, str] = {
    "email.sent": "sent it to {selected} records",
    "email.scheduled": "scheduled it for {at}",
    "email.rescheduled": "moved it to {at}",
    "email.unscheduled": "took it off the schedule",
    "email.not_started": "could not start it: {reason}",
    "email.paused": "paused it",
    "email.resumed": "resumed it",
    "email.cancelled": "cancelled it",
    "email.deadline_changed": "changed the end of the tries from {from} to {to}",
    "email.sent_again": "sent {copies} doubtful or failed copies again",
    "email.resent": "sent it again to {selected} people, as an email of its own",
    "email.marked_as_sent": "marked {copies} doubtful copies as sent",
}


def done(entry: AuditEntry, zone: str | None) -> str:
    """An entry of the audit log as a sentence without its subject."""
    details = {key: _value(value, zone) for key, value in entry.details.items()}
    try:
        words = DONE[entry.action].format(**details)
    except KeyError:  # of another version
        return ", ".join([entry.action, *(f"{key}: {value}" for key, value in details.items())])
    reason = details.get("reason", "")
    return f"{words}: {reason}" if entry.action == "email.paused" and reason else words


def goes_out(bulk_email: BulkEmail, zone: str | None) -> str:
    """When a scheduled email goes out, in the zone it was said in, and in the viewer's."""
    at = bulk_email.scheduled_at
    if bulk_email.stage != Stage.SCHEDULED or at is None:
        return ""
    said = scheduling.in_zone(at, bulk_email.schedule_zone)
    own = scheduling.in_zone(at, zone or "UTC")
    if own.split(" (")[0] == said.split(" (")[0]:
        return said
    return f"{said}; for you {own}"


def pause(bulk_email: BulkEmail, entry: AuditEntry | None) -> str:
    """Why a paused email stands still, in one sentence or two."""
    if bulk_email.stage != Stage.PAUSED:
        return ""
    if reason := bulk_email.pause_reason.strip():
        return reason
    who = (entry.user_name if entry else "") or "the program"
    return f"Paused by {who}. Nobody else gets it until somebody presses Resume."


def not_sent(books: Books) -> str:
    """ "39 not sent (8 doubles)": a double is no person who went without."""
    words = f"{books.ended:,} not sent"
    if not books.doubles:
        return words
    number = f"{books.doubles:,}" if books.missed else "all"
    return f"{words} ({'1 double' if books.doubles == 1 else f'{number} doubles'})"


def _value(value: object, zone: str | None) -> str:
    """A detail for people: times in the viewer's zone, numbers with thousands separated."""
    if isinstance(value, int):
        return f"{value:,}"
    return time_in(str(value), zone)
