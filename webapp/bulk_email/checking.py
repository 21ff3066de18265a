"""Pre-flight on the real records: who will not get it and why, before anything is sent."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from webapp.bulk_email import audience, composing, freezing
from webapp.bulk_email.audience import Counts
from webapp.bulk_email.models import BulkEmail
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.forms.models import Record
from webapp.lib import clock
from webapp.mail import merging
from webapp.mail.template import Copy, Message

CHECKED = 2000  # records whose merge is tried within one request
SHOWN = 20
GMAIL_CLIPS_BYTES = 102 * 1024  # Gmail hides what comes after


@dataclass(frozen=True)
class Trouble:
    """One record that will not get the email as it is."""

    record_id: int
    name: str
    address: str
    reason: str


@dataclass(frozen=True)
class Check:
    """What pre-flight found. `failing` are merges that fail among the first `checked` records."""

    problems: dict[str, str]
    counts: Counts | None
    unreachable: list[Trouble]  # the first of them; `counts` tells how many there are
    failing: list[Trouble]
    failing_count: int
    checked: int
    largest_bytes: int
    samples: list[int]

    @property
    def can_be_sent(self) -> bool:
        return not self.problems and self.counts is not None and self.counts.will_get_it > 0

    @property
    def is_clipped(self) -> bool:
        return self.largest_bytes > GMAIL_CLIPS_BYTES


def check(draft: BulkEmail) -> Check:
    """Look at everything that can be known before sending."""
    problems = composing.problems(draft)
    counts = count(draft, problems)
    if problems or counts is None:
        return Check(problems, counts, _unreachable(draft) if counts else [], [], 0, 0, 0, [])
    template = freezing.compiled(freezing.freeze(draft), lambda token: {})
    failing, sizes, keys = [], [], freezing.name_fields(draft.form)
    for record_id, address, values in _recipients(draft):
        try:
            sizes.append((_html_bytes(_fill(template, address, values)), record_id))
        except ValueError as error:  # MergeError, HeaderError
            failing.append(Trouble(record_id, _name(values, keys), address, str(error)))
    sizes.sort()
    picks = [sizes[-1], sizes[0], sizes[len(sizes) // 2]] if sizes else []
    return Check(
        problems=problems,
        counts=counts,
        unreachable=_unreachable(draft),
        failing=failing[:SHOWN],
        failing_count=len(failing),
        checked=len(failing) + len(sizes),
        largest_bytes=sizes[-1][0] if sizes else 0,
        samples=list(dict.fromkeys(record_id for _, record_id in picks)),
    )


def count(draft: BulkEmail, problems: Mapping[str, str]) -> Counts | None:
    """Who would get it; None while that cannot be said."""
    if {"form_id", "address_field_id", "filter"} & set(problems):
        return None
    composing.renew_filter(draft)
    return audience.count(draft)


@dataclass(frozen=True)
class Preview:
    """The email as one record would get it; `withheld` says why it would not."""

    name: str
    address: str
    withheld: str
    subject: str
    text: str
    html: str


def preview(draft: BulkEmail, record: Record) -> Preview:
    """The email as `record` would get it. Raises MergeError."""
    frozen = freezing.freeze(draft)
    values = merging.merge_values(record.values) | {"unsubscribe_url": "#"}
    rows = audience.judged(draft).subquery()
    row = db.session.execute(
        select(rows.c.address, rows.c.cause, rows.c.reason).where(rows.c.record_id == record.id)
    ).first()
    return Preview(
        name=_name(record.values, frozen["name_fields"]),
        address=row.address if row else "",
        withheld=(row.reason or row.cause or "") if row else "It is not selected.",
        subject=merging.render(frozen["subject"], values),
        text=merging.render(frozen["text"], values),
        html=merging.render(frozen["html"], values, escaped=True),
    )


def neighbours(draft: BulkEmail, record_id: int) -> tuple[int | None, int | None]:
    """The selected records before and after, for stepping through them."""
    rows = audience.judged(draft).subquery()
    before = db.session.scalar(
        select(rows.c.record_id)
        .where(rows.c.record_id < record_id)
        .order_by(rows.c.record_id.desc())
        .limit(1)
    )
    after = db.session.scalar(
        select(rows.c.record_id)
        .where(rows.c.record_id > record_id)
        .order_by(rows.c.record_id)
        .limit(1)
    )
    return before, after


def first_record(draft: BulkEmail) -> Record | None:
    """Somebody the email would reach, else anybody selected."""
    rows = audience.judged(draft).subquery()
    found = db.session.scalar(
        select(rows.c.record_id).order_by(rows.c.status, rows.c.record_id).limit(1)
    )
    return db.session.get(Record, found) if found else None


def _recipients(draft: BulkEmail) -> Iterator[tuple[int, str, dict]]:
    rows = audience.judged(draft).subquery()
    yield from db.session.execute(
        select(rows.c.record_id, rows.c.address, rows.c["values"])
        .where(rows.c.status == Status.QUEUED)
        .order_by(rows.c.record_id)
        .limit(CHECKED)
    )


def _unreachable(draft: BulkEmail) -> list[Trouble]:
    rows = audience.judged(draft).subquery()
    found = db.session.execute(
        select(rows.c.record_id, rows.c["values"], rows.c.address, rows.c.cause, rows.c.reason)
        .where(rows.c.cause.is_not(None))
        .order_by(rows.c.record_id)
        .limit(SHOWN)
    )
    keys = freezing.name_fields(draft.form)
    return [
        Trouble(record_id, _name(values, keys), address, reason or cause)
        for record_id, values, address, cause, reason in found
    ]


def _name(values: Mapping[str, object], keys: Sequence[str]) -> str:
    return " ".join(filter(None, [str(values.get(key) or "") for key in keys]))


def _html_bytes(message: Message) -> int:
    """The HTML part, which comes last."""
    return len(message.content) - message.content.rfind(b"Content-Type: text/html")


def _fill(template, address: str, values: dict) -> Message:
    return template.fill(
        Copy("check", address, "", merging.merge_values(values), clock.now(), "https://x/u/x")
    )
