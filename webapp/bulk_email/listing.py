"""All emails of a workspace, and what is said of each in one line."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Row, func, select

from webapp.accounts.models import Workspace
from webapp.bulk_email import measuring, scheduling, watching, wording
from webapp.bulk_email.measuring import Speed
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.delivery import adopting, pausing, returning, tallying
from webapp.delivery.models import Tally
from webapp.delivery.tallying import Books
from webapp.extensions import db
from webapp.lib import clock

PAGE = 30
LIVE = (Stage.SCHEDULED, Stage.PREPARING, Stage.SENDING)
OVER = (Stage.FINISHED, Stage.CANCELLED)

Children = dict[int, list[tuple[BulkEmail, Tally | None]]]


@dataclass(frozen=True)
class Glimpse:
    """What a poll sees of an email. `version` is what version_of() says; `selected` and
    `tally_version` are 0 before there are copies."""

    email_id: int
    tracked: bool
    version: str
    tally_version: int
    selected: int


@dataclass(frozen=True)
class Line:
    """One email as the list shows it. `done` of `expected` while it is prepared or sent; `depth`: 1
    for one that sends another again; `later`: whom those that send it again have reached."""

    bulk_email: BulkEmail
    books: Books
    state: str
    tone: str
    done: int
    expected: int
    is_live: bool
    speed: Speed
    depth: int = 0
    later: int = 0

    @property
    def lost(self) -> int:
        """How many people did not get it, and will not by this email."""
        return self.books.missed

    @property
    def is_sending(self) -> bool:
        return self.bulk_email.stage == Stage.SENDING

    @property
    def pace(self) -> str:
        """ "80 a second · about 15 s left", as far as that can be told."""
        if not self.is_sending or self.speed.is_still:
            return ""
        return " · ".join(filter(None, [self.speed.words, self.speed.left(self.books.waiting)]))

    @property
    def title(self) -> str:
        """What the browser's tab says of it."""
        subject = self.bulk_email.subject or "(no subject)"
        if self.is_sending:
            return f"{percent(self.books)} % · {subject}"
        return f"{self.state}: {subject}"

    @property
    def at(self) -> datetime:
        email = self.bulk_email
        return email.scheduled_at or email.started_at or email.changed_at


def lines(workspace: Workspace, before: int | None = None) -> tuple[list[Line], int | None]:
    """(a page of emails, newest first, each followed by those that send it again; the id before
    which older ones begin, or None)."""
    statement = (
        select(BulkEmail, Tally)
        .outerjoin(Tally, Tally.bulk_email_id == BulkEmail.id)
        .where(BulkEmail.workspace_id == workspace.id, BulkEmail.parent_id.is_(None))
        .order_by(BulkEmail.id.desc())
        .limit(PAGE + 1)
    )
    if before:
        statement = statement.where(BulkEmail.id < before)
    rows = db.session.execute(statement).all()
    shown = rows[:PAGE]
    children = descendants([bulk_email.id for bulk_email, _ in shown])
    speeds = measuring.speeds(BulkEmail.workspace_id == workspace.id)
    older = shown[-1][0].id if len(rows) > PAGE else None
    return _nested(shown, children, speeds, depth=0), older


def sent_again(bulk_email: BulkEmail) -> tuple[list[Line], int]:
    """(the emails that send this one again, and those that send these, how many people they have
    reached)."""
    children = descendants([bulk_email.id])
    rows = children.get(bulk_email.id, [])
    return _nested(rows, children, {}, depth=0), reached_later(bulk_email.id, children)


def _nested(rows: Sequence, children: Children, speeds: dict[int, Speed], depth: int) -> list[Line]:
    found: list[Line] = []
    for bulk_email, tally in rows:
        made = line(bulk_email, tally, speeds.get(bulk_email.id, Speed()))
        later = reached_later(bulk_email.id, children)
        found.append(replace(made, depth=depth, later=later))
        found += _nested(children.get(bulk_email.id, []), children, speeds, depth + 1)
    return found


def descendants(ids: Sequence[int]) -> Children:
    """The emails that send those of `ids` again, and those that send these again, by parent, the
    oldest first: a query for each generation."""
    found: Children = defaultdict(list)
    while ids:
        rows = db.session.execute(
            select(BulkEmail, Tally)
            .outerjoin(Tally, Tally.bulk_email_id == BulkEmail.id)
            .where(BulkEmail.parent_id.in_(ids))
            .order_by(BulkEmail.id)
        ).all()
        for bulk_email, tally in rows:
            found[bulk_email.parent_id].append((bulk_email, tally))
        ids = [bulk_email.id for bulk_email, _ in rows]
    return found


def reached_later(bulk_email_id: int, children: Children) -> int:
    """How many people an email reached only by being sent again."""
    return sum(
        (tally.delivered if tally else 0) + reached_later(child.id, children)
        for child, tally in children.get(bulk_email_id, [])
    )


def line(bulk_email: BulkEmail, tally: Tally | None, speed: Speed) -> Line:
    """The words for one email."""
    books = tallying.books(tally)
    state, tone = state_of(bulk_email, books)
    preparing = bulk_email.stage == Stage.PREPARING
    total = max(bulk_email.expected, books.selected)
    still = total if preparing else books.waiting
    return Line(
        bulk_email=bulk_email,
        books=books,
        state=state,
        tone=tone,
        done=books.selected if preparing else total - still,
        expected=total,
        is_live=bulk_email.stage != Stage.DRAFT and not is_settled(bulk_email, tally),
        speed=speed,
    )


def state_of(bulk_email: BulkEmail, books: Books) -> tuple[str, str]:
    """(words, tone) of an email's state; "Finished" only when nothing waits."""
    match bulk_email.stage:
        case Stage.DRAFT:
            return "Draft", "quiet"
        case Stage.SCHEDULED:
            late = scheduling.is_missed(bulk_email)
            return ("Missed its time", "wait") if late else ("Scheduled", "note")
        case Stage.PREPARING:
            wanted = {Stage.PAUSED: ", then paused", Stage.CANCELLED: ", then cancelled"}
            return "Preparing" + wanted.get(bulk_email.wanted_stage, ""), "note"
        case Stage.SENDING:
            if books.waiting == 0:
                return f"Sending, {books.still_trying:,} still being tried", "note"
            return f"Sending {percent(books)} %", "note"
        case Stage.PAUSED:
            return "Paused", "wait"
        case Stage.CANCELLED:
            return "Cancelled", "quiet"
    return _finished(bulk_email, books)


def _finished(bulk_email: BulkEmail, books: Books) -> tuple[str, str]:
    parts = ["Finished"]
    if books.ended:
        parts.append(wording.not_sent(books))
    if books.unconfirmed:
        parts.append(f"{books.unconfirmed:,} unknown")
    return ", ".join(parts), "wait" if books.missed or books.unconfirmed else "ok"


def percent(books: Books) -> int:
    """How much of an email has been handed over or decided, in whole per cent, never 100 early."""
    if not books.selected:
        return 0
    return min(99, (books.selected - books.waiting) * 100 // books.selected)


def is_settled(bulk_email: BulkEmail, tally: Tally | None) -> bool:
    """Whether pages about the email can stop asking."""
    if bulk_email.stage == Stage.DRAFT:
        return True
    if bulk_email.stage == Stage.CANCELLED and tally and not tallying.is_finished(tally):
        return False
    return tallying.is_settled(
        tally,
        is_over=bulk_email.stage in OVER,
        reports=bool(
            bulk_email.tracked
            and bulk_email.connection
            and returning.reports(bulk_email.connection)
        ),
        now=clock.now(),
    )


def version(workspace: Workspace) -> str:
    """Changes with everything the list shows; a few sums, no look at the copies."""
    row = db.session.execute(
        select(
            func.count(BulkEmail.id),
            func.max(BulkEmail.changed_at),
            func.coalesce(func.sum(Tally.version), 0),
        )
        .outerjoin(Tally, Tally.bulk_email_id == BulkEmail.id)
        .where(BulkEmail.workspace_id == workspace.id)
    ).one()
    asked = len(adopting.questions()), len(scheduling.missed(workspace))
    speeds = measuring.mark(measuring.speeds(BulkEmail.workspace_id == workspace.id).items())
    changed = row[1].timestamp() if row[1] else 0
    return f"{row[0]}-{changed}-{row[2]}-{asked[0]}-{asked[1]}-{speeds}"


def glimpse_of(bulk_email: BulkEmail, tally: Tally | None) -> Glimpse:
    """The Glimpse of an email that has been read."""
    return Glimpse(
        email_id=bulk_email.id,
        tracked=bulk_email.tracked,
        version=version_of(bulk_email, tally),
        tally_version=tally.version if tally else 0,
        selected=tally.selected if tally else 0,
    )


def version_of(bulk_email: BulkEmail, tally: Tally | None) -> str:
    """Changes with everything the page of one email shows."""
    connection, now = bulk_email.connection, clock.now()
    is_resting = connection is not None and connection.is_resting(now)
    over = f"-over-{pausing.usable(connection, now).id}" if is_resting else ""
    paused_until = connection.paused_until if connection else None
    still = still_version(bulk_email, tally.version if tally else 0, paused_until)
    return f"{still}{over}{watching.mark(bulk_email)}"


def still_version(
    bulk_email: BulkEmail | Row, tally_version: int, paused_until: datetime | None
) -> str:
    """The same of an email that is not being sent now, and whose Connection does not rest. Of the
    email only the stage and scheduled_at are looked at."""
    pause = paused_until.timestamp() if paused_until else 0
    late = "-late" if scheduling.is_missed(bulk_email) else ""
    return f"{tally_version}-{bulk_email.stage}-{pause:.0f}{late}"
