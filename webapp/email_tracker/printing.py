"""One email on one sheet of paper: what was sent, to whom, what became of it, what was done then.

However large the email, a sheet holds the few largest of everything, and the rest summed up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from webapp.bulk_email import listing
from webapp.bulk_email.listing import Line
from webapp.bulk_email.measuring import Speed
from webapp.bulk_email.models import BulkEmail
from webapp.delivery.models import Tally
from webapp.delivery.tallying import Books
from webapp.email_tracker import attention, drawing, explaining, summing_up
from webapp.email_tracker.drawing import Section
from webapp.email_tracker.explaining import Group
from webapp.email_tracker.summing_up import Figures, Provider

MOST_REASONS = 5
MOST_PROVIDERS = 5
MOST_SENT_AGAIN = 3


@dataclass(frozen=True)
class Sheet:
    """`as_of` is when reasons, providers and times were counted; None: they never were, yet.
    `other_reasons` counts the copies that failed for a reason not shown. `people`: how many
    "opened" and "clicked", machines not among them; only what is counted of this email."""

    books: Books
    share: Provider
    state: str
    as_of: datetime | None
    reasons: list[Group]
    other_reasons: int
    people: dict[str, int]
    providers: list[Provider]
    sections: list[Section]
    sent_again: list[Line]
    more_sent_again: int
    reached_later: int

    @property
    def percent(self) -> int:
        """Delivered, in whole per cent, never 100 before everybody has it."""
        return self.books.delivered * 100 // (self.books.selected or 1)


def sheet(bulk_email: BulkEmail, tally: Tally | None) -> Sheet:
    """What the sheet says; looks at no copies of a large email."""
    line = listing.line(bulk_email, tally, Speed())
    figures, _ = summing_up.figures(bulk_email, tally)
    groups = explaining.groups(figures.failures) if figures else []
    again, reached = listing.sent_again(bulk_email)
    return Sheet(
        books=line.books,
        share=_whole(line.books),
        state=line.state,
        as_of=figures.as_of if figures else None,
        reasons=groups[:MOST_REASONS],
        other_reasons=sum(group.number for group in groups[MOST_REASONS:]),
        people=_people(bulk_email, figures) if figures else {},
        providers=_worst(figures.providers) if figures else [],
        sections=drawing.sections(figures.moments, bulk_email.started_at) if figures else [],
        sent_again=again[:MOST_SENT_AGAIN],
        more_sent_again=len(again[MOST_SENT_AGAIN:]),
        reached_later=reached,
    )


def _whole(books: Books) -> Provider:
    """All copies as if they went to one mailbox provider."""
    open_ones = books.selected - books.delivered - books.ended
    return Provider("", books.delivered, books.ended, open_ones)


def _people(bulk_email: BulkEmail, figures: Figures) -> dict[str, int]:
    human = figures.attention.human
    follows = attention.follows(bulk_email, figures.attention)
    counted = {"opened": follows.opens, "clicked": follows.clicks}
    return {did: human[did] for did, is_counted in counted.items() if is_counted}


def _worst(providers: Sequence[Provider]) -> list[Provider]:
    """The first few, and all others as one."""
    shown, others = providers[:MOST_PROVIDERS], providers[MOST_PROVIDERS:]
    if not others:
        return list(shown)
    sums = [sum(getattr(each, name) for each in others) for name in ("delivered", "lost", "open")]
    return [*shown, Provider("", *sums)]
