"""The words in which the end of an email, or its stop, is told."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from webapp.accounts.models_telling import TidingKind
from webapp.accounts.telling import News
from webapp.bulk_email import wording
from webapp.bulk_email.models import BulkEmail, PauseTopic
from webapp.delivery import selecting
from webapp.delivery.failing import NAMED
from webapp.delivery.statuses import Status
from webapp.delivery.tallying import Books
from webapp.lib import texts
from webapp.mail.causes import WORDS, Cause

MOST_SUBJECT = 120


def of_stop(bulk_email: BulkEmail) -> News:
    """It paused by itself and asks a person."""
    title = f"Stopped: {_subject(bulk_email)}"
    panel = "recipients?show=bounced" if bulk_email.pause_topic == PauseTopic.BOUNCES else ""
    path = _path(bulk_email, panel)
    text = f"{bulk_email.pause_reason} Nothing more goes out until somebody decides."
    letter = f"The email “{_subject(bulk_email)}” has stopped and waits for you.\n\n{text}"
    return News(TidingKind.STOPPED, title, text, path, letter)


def of_cancel(
    bulk_email: BulkEmail, books: Books, failures: Sequence[Sequence], *, by: str, base_url: str
) -> News:
    """Somebody (`by`, "" for nobody known) cancelled it; `failures` as of_end has them."""
    text = f"Cancelled by {by}. " if by else ""
    text += f"{books.delivered:,} of {books.selected:,} delivered, {wording.not_sent(books)}."
    first = f"“{_subject(bulk_email)}” was cancelled{f' by {by}' if by else ''}. What had left by"
    first += " then may still be delivered; nothing more goes out."
    parts = (first, _balance(books), _who(bulk_email, books.ended, failures, base_url))
    panel = "recipients?show=ended" if books.ended and bulk_email.tracked else ""
    return News(
        TidingKind.CANCELLED,
        f"Cancelled: {_subject(bulk_email)}",
        text,
        _path(bulk_email, panel),
        "\n\n".join(part for part in parts if part),
    )


def of_end(
    bulk_email: BulkEmail,
    kind: TidingKind,
    books: Books,
    failures: Sequence[Sequence],
    *,
    is_settled: bool,
    base_url: str,
) -> News:
    """It has finished, or the last word is in; `failures` as delivery.failing gives them."""
    ended = books.ended
    counts = f"{books.delivered:,} of {books.selected:,} delivered"
    if not bulk_email.tracked:
        counts = f"{books.sent + books.delivered:,} of {books.selected:,} handed over (not tracked)"
    what = "Settled" if kind is TidingKind.SETTLED else "Finished"
    title = f"{what}: {_subject(bulk_email)}"
    text = f"{counts}, {wording.not_sent(books)}." if ended else f"{counts}."
    letter = "\n\n".join(
        part
        for part in (
            _first_sentence(bulk_email, kind, is_settled),
            _balance(books),
            _who(bulk_email, ended, failures, base_url),
        )
        if part
    )
    panel = "recipients?show=ended" if ended and bulk_email.tracked else ""
    return News(kind, title, text, _path(bulk_email, panel), letter)


def _first_sentence(bulk_email: BulkEmail, kind: TidingKind, is_settled: bool) -> str:
    name = f"“{_subject(bulk_email)}”"
    if kind is TidingKind.SETTLED:
        return f"The last word on {name} is in: no more reports are expected."
    if is_settled:
        return f"{name} has finished. These numbers are final, unless a report comes very late."
    return f"{name} has finished. Reports still come in; you hear again when the last word is in."


def _balance(books: Books) -> str:
    """The sum and its parts, each on its line; they add up."""
    words = {
        "delivered": "delivered: their mail server accepted it",
        "sent": "sent, without a verdict of the recipient's server",
        "still_trying": "still being tried by the mail provider",
        "bounced": "bounced: their mail server refused it",
        "dropped": "dropped: not attempted",
        "failed": "failed on our side",
        "unconfirmed": "of which nobody can tell whether they left: decide about these",
        "waiting": "waiting",
    }
    width = len(f"{books.selected:,}")
    lines = [f"  {books.selected:>{width},}  selected, of these"]
    lines += [f"  {n:>{width},}  {words[part]}" for part, n in books.parts.items() if n]
    return "\n".join(lines)


def _who(bulk_email: BulkEmail, ended: int, failures: Sequence[Sequence], base_url: str) -> str:
    """Who did not get it, by cause, the largest group first; the numbers add up to `ended`."""
    if not ended or not bulk_email.tracked:
        return ""
    numbers: Counter[str] = Counter()
    names: dict[str, list[str]] = defaultdict(list)
    for status, cause, number, first in failures:
        if Status(status) in selecting.ENDED:
            numbers[cause] += number
            names[cause] += first
    lines = [f"Not sent ({ended:,}), by cause:"]
    for cause, number in numbers.most_common():
        words = WORDS[Cause(cause)]
        lines.append(f"\n* {number:,} × {words.sentence}\n  {_named(names[cause], number)}")
        lines.append(f"  What to do: {words.remedy}" if words.remedy else "")
        path = _path(bulk_email, f"recipients?show=ended&cause={cause}")
        lines.append(f"  See them: {base_url}{path}")
    other = ended - numbers.total()
    if other:
        lines.append(f"\n* {other:,} × for no known cause")
    return "\n".join(line for line in lines if line)


def _named(names: Sequence[str], number: int) -> str:
    shown = [texts.one_line(name, 60) for name in names[:NAMED]]
    others = number - len(shown)
    if not others:
        return ", ".join(shown)
    return f"{', '.join(shown)} and {others:,} {'other' if others == 1 else 'others'}"


def _subject(bulk_email: BulkEmail) -> str:
    return texts.one_line(bulk_email.subject, MOST_SUBJECT) or "(no subject)"


def _path(bulk_email: BulkEmail, panel: str = "") -> str:
    address = f"/w/{bulk_email.workspace.slug}/emails/{bulk_email.id}"
    return f"{address}/{panel}" if panel else address
