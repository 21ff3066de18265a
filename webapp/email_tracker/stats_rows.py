"""Email Tracker Stats: every copy of every tracked email, as the rows of a form."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl

from sqlalchemy import ColumnElement, Select, and_, false, func, literal, not_, or_, select, true
from sqlalchemy.orm import defer

from webapp.bulk_email.models import BulkEmail
from webapp.columns import folded
from webapp.delivery import selecting
from webapp.delivery.models import Recipient, Tally
from webapp.delivery.statuses import Status, label_of, label_text
from webapp.email_tracker import recipients, timeline, wording
from webapp.extensions import db
from webapp.forms import filtering, grid
from webapp.forms.filtering import FilterError
from webapp.forms.grid import Query
from webapp.forms.models import Form
from webapp.forms.sources import Column, Page, Row
from webapp.mail.causes import WORDS, Cause

SOURCE = "email_tracker_stats"
OF_EMAIL = "of_email"  # a condition of no column: "7?show=…", what the Recipients tab of it shows
EXPORT_CHUNK = 1000
SPAN = 10_000
_TEXT = ("is", "is_not", "contains", "starts", "empty", "filled")
COLUMNS = [
    Column("name", "Recipient name", operators=_TEXT, is_sortable=False),
    Column("email", "Recipient email", operators=_TEXT, is_sortable=False),
    Column("subject", "Subject", operators=_TEXT, is_sortable=False),
    Column("status", "Status", operators=("is", "is_not", "contains"), is_sortable=False),
    Column("reason", "Reason", operators=(), is_sortable=False),
    Column("changed_at", "Status changed", "moment", operators=(), is_sortable=False),
    Column("cause", "Reason class", is_shown=False, operators=("is", "is_not"), is_sortable=False),
    Column("reply", "Server reply", is_shown=False, operators=("contains",), is_sortable=False),
    Column("sent_at", "Sent at", "moment", is_shown=False, operators=(), is_sortable=False),
    Column("attempts", "Attempts", "number", is_shown=False, operators=("more", "less"),
           is_sortable=False),
    Column("sender", "From", is_shown=False, operators=(), is_sortable=False),
    Column("sent_by", "Sent by", is_shown=False, operators=(), is_sortable=False),
    Column("opens", "Opens, also by machines", "number", is_shown=False, operators=(),
           is_sortable=False),
    Column("clicks", "Clicks, also by machines", "number", is_shown=False, operators=(),
           is_sortable=False),
]  # fmt: skip
_TEXTS: dict[str, ColumnElement] = {
    "name": Recipient.name,
    "email": Recipient.address,
    "subject": BulkEmail.subject,
    "cause": func.coalesce(Recipient.cause, ""),
    "reply": Recipient.reply,
}


class StatsRows:
    """The RowSource behind the form. Newest copies first; rows are read, never edited."""

    is_editable = False
    is_searched = False

    def __init__(self, product_name: Callable[[], str]) -> None:
        self._product_name = product_name

    def columns(self, form: Form) -> list[Column]:
        return COLUMNS

    def count(self, form: Form, query: Query) -> int | None:
        if _of_email(query):
            counted = self._selected(form, query).with_only_columns(func.count())
            return db.session.scalar(counted)
        if query.whole_filter:
            return None
        selected = sum((getattr(Tally, status.value) for status in Status), literal(0))
        return db.session.scalar(
            select(func.coalesce(func.sum(selected), 0))
            .join(BulkEmail, BulkEmail.id == Tally.bulk_email_id)
            .where(BulkEmail.workspace_id == form.workspace_id, BulkEmail.tracked)
        )

    def page(self, form: Form, query: Query) -> Page:
        """No index helps an arbitrary filter: a SPAN of copies is looked at for it."""
        start, before = _read_place(query.after)
        is_looked = bool(query.whole_filter) and not _of_email(query)
        floor = _floor(form, start) if is_looked else None
        bounds = [] if start is None else [Recipient.id < start]
        bounds += [] if floor is None else [Recipient.id >= floor]
        statement = self._selected(form, query).where(*bounds).order_by(Recipient.id.desc())
        lines = db.session.execute(statement.limit(grid.PAGE_SIZE + 1)).all()
        rows = [self._row(copy, bulk_email) for copy, bulk_email in lines[: grid.PAGE_SIZE]]
        if len(lines) > grid.PAGE_SIZE:
            return Page(rows, grid.make_cursor([rows[-1].id, before]))
        if floor is None:
            return Page(rows, "")
        looked_at = before + SPAN
        return Page(rows, grid.make_cursor([floor, looked_at]), looked_at)

    def export(self, form: Form, query: Query) -> Iterator[dict[str, Any]]:
        """Each chunk is read anew, so commits in between are no matter. An email with its text is
        read once a chunk, not beside each of its copies."""
        form_id, last = form.id, 0
        while True:
            form = db.session.get_one(Form, form_id)
            copies = db.session.scalars(
                self._selected(form, query)
                .with_only_columns(Recipient)
                .options(defer(Recipient.merge_values))
                .where(Recipient.id > last)
                .order_by(Recipient.id)
                .limit(EXPORT_CHUNK)
            ).all()
            ids = {copy.bulk_email_id for copy in copies}
            found = db.session.scalars(select(BulkEmail).where(BulkEmail.id.in_(ids)))
            emails = {bulk_email.id: bulk_email for bulk_email in found}
            rows = [self._row(copy, emails[copy.bulk_email_id]) for copy in copies]
            yield from (row.cells for row in rows)
            if not rows:
                return
            last = rows[-1].id

    def record_page(self, form: Form, row_id: int) -> tuple[str, dict] | None:
        copy = db.session.get(Recipient, row_id)
        if copy is None or copy.workspace_id != form.workspace_id:
            return None
        context = timeline.record_context(copy, self._product_name())
        return "email_tracker/_copy.html", context

    def _selected(self, form: Form, query: Query) -> Select:
        statement = (
            select(Recipient, BulkEmail)
            .join(BulkEmail, BulkEmail.id == Recipient.bulk_email_id)
            .where(Recipient.workspace_id == form.workspace_id, BulkEmail.tracked)
            .where(self._group(query.filter))
        )
        for word in query.search.lower().split()[:6]:
            found = [folded(_TEXTS[key]).contains(word, autoescape=True)
                     for key in ("name", "email", "subject")]  # fmt: skip
            statement = statement.where(or_(*found))
        return statement

    def _group(self, filter: dict) -> ColumnElement[bool]:
        rows = grid.conditions(filter)
        clauses = [self._condition(row) for row in rows]
        if not clauses:
            return true()
        return or_(*clauses) if "any" in filter else and_(*clauses)

    def _condition(self, row: dict) -> ColumnElement[bool]:
        key, operator = row["field"], row["op"]
        if key == OF_EMAIL:
            return self._shown_by_tab(str(row.get("value", "")))
        value = str(row.get("value", "")).lower()
        if key == "status":
            return self._status_condition(operator, value)
        if key == "attempts" and operator in ("more", "less") and value.isdecimal():
            count = Recipient.attempt_count
            return count > int(value) if operator == "more" else count < int(value)
        if key not in _TEXTS or operator not in filtering.OPERATORS:
            raise FilterError("This form cannot be filtered like that.")
        column = folded(_TEXTS[key])
        return {
            "is": column == value,
            "is_not": column != value,
            "contains": column.contains(value, autoescape=True),
            "starts": column.startswith(value, autoescape=True),
            "empty": column == "",
            "filled": column != "",
        }.get(operator, false())

    def _shown_by_tab(self, value: str) -> ColumnElement[bool]:
        number, _, values = value.partition("?")
        if not number.isdecimal() or len(number) > 18:
            raise FilterError("This form cannot be filtered like that.")
        asked = recipients.read(dict(parse_qsl(values)))
        narrowed = selecting.conditions(asked.selection)
        return and_(Recipient.bulk_email_id == int(number), *narrowed)

    def _status_condition(self, operator: str, value: str) -> ColumnElement[bool]:
        """By the words that are shown, so that "bounced" and "not sent" both find theirs."""
        names = {status: self._title_of(status).lower() for status in Status}
        if operator == "contains":
            found = [status for status, name in names.items() if value in name]
        else:
            found = [status for status, name in names.items() if name == value]
        clause = Recipient.status.in_(found)
        return not_(clause) if operator == "is_not" else clause

    def _title_of(self, status: Status) -> str:
        label = label_of(status)
        if label:
            return label_text(label, self._product_name())
        return wording.CANNOT_TELL if status is Status.UNCONFIRMED else wording.WAITING

    def _row(self, copy: Recipient, bulk_email: BulkEmail) -> Row:
        said = wording.say(copy, self._product_name())
        template = bulk_email.template or {}
        cells = {
            "name": copy.name or copy.address or "(blank)",
            "email": copy.address,
            "subject": bulk_email.subject,
            "status": said.title,
            "reason": said.why,
            "changed_at": copy.changed_at,
            "cause": WORDS[Cause(copy.cause)].sentence if copy.cause else "",
            "reply": copy.reply,
            "sent_at": copy.sent_at,
            "attempts": copy.attempt_count,
            "sender": template.get("from_address", ""),
            "sent_by": bulk_email.started_by.name if bulk_email.started_by else "",
            "opens": copy.open_count,
            "clicks": copy.click_count,
        }
        return Row(copy.id, cells, {"status": (said.icon, said.tone)})


def _of_email(query: Query) -> bool:
    """Whether an index finds what is filtered: the copies of one email."""
    return any(row["field"] == OF_EMAIL for row in grid.conditions(query.filter))


def _read_place(cursor: str) -> tuple[int | None, int]:
    """(the id below which to go on, how many copies were looked at before)."""
    match grid.read_cursor(cursor):
        case [int(start), int(looked_at)] if 0 < start < 2**63 and looked_at >= 0:
            return start, looked_at
    return None, 0


def _floor(form: Form, start: int | None) -> int | None:
    """The id at the end of the span of copies below `start`; None where there are none after it."""
    ids = select(Recipient.id).where(Recipient.workspace_id == form.workspace_id)
    ids = ids if start is None else ids.where(Recipient.id < start)
    found = db.session.scalars(ids.order_by(Recipient.id.desc()).offset(SPAN - 1).limit(2)).all()
    return found[0] if len(found) > 1 else None
