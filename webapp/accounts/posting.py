"""The installation's own mail: invitations, resets and tidings, over the relay that MAIL_URL
names."""

import contextlib
import smtplib
import ssl
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit

from sqlalchemy import and_, func, or_, select, update

from webapp.accounts.models import Letter
from webapp.extensions import db
from webapp.lib import clock
from webapp.mail import headers

MINUTES_TO_NEXT_TRY = (1, 2, 5, 15, 60, 180, 360, 720)
MAX_TRIES = len(MINUTES_TO_NEXT_TRY)
FLAGGED_AFTER = timedelta(minutes=5)
DOUBTFUL = "Nobody can tell whether it left, so it is not sent again."


class PostingError(Exception):
    """The relay did not take it; the text says why."""


class _OvertakenError(Exception):
    """Another worker posts the letter."""


def write(address: str, subject: str, text: str, unsubscribe_url: str = "") -> Letter:
    """A Letter in the running transaction; commit, then wake accounts.jobs.post."""
    letter = Letter(
        address=headers.clean(address),
        subject=headers.clean(subject)[:200],
        text=text,
        unsubscribe_url=unsubscribe_url,
    )
    db.session.add(letter)
    db.session.flush()
    return letter


def waiting() -> list[int]:
    """Letters to be posted now."""
    return list(
        db.session.scalars(
            select(Letter.id).where(
                Letter.posted_at.is_(None),
                Letter.handed_at.is_(None),
                Letter.tries < MAX_TRIES,
                or_(Letter.next_try_at.is_(None), Letter.next_try_at <= clock.now()),
            )
        )
    )


def post(letter_id: int, mail_url: str | None, sender: str) -> None:
    """Hand one letter over; trouble is noted on it, and the clock wakes for it again, unless the
    line broke when it may have left: as with copies, nothing is sent twice silently. Commits, and
    holds no transaction while it talks."""
    message = _take(letter_id, sender)
    if message is None:
        return
    wire = _Wire(letter_id)
    try:
        _deliver(message, mail_url, wire)
    except _OvertakenError:
        return
    except smtplib.SMTPResponseException as error:  # the relay said no
        _note(letter_id, str(error), is_doubtful=False)
    except (PostingError, OSError, smtplib.SMTPException) as error:
        _note(letter_id, str(error), is_doubtful=wire.is_reached)
    else:
        _note(letter_id, "", is_doubtful=False)


def flag_doubtful() -> None:
    """Of letters whose worker died on the wire: they are said to be in doubt. Commits."""
    db.session.execute(
        update(Letter)
        .where(
            Letter.posted_at.is_(None),
            Letter.error.not_like(f"{DOUBTFUL}%"),
            Letter.handed_at < clock.now() - FLAGGED_AFTER,
        )
        .values(error=DOUBTFUL, text="", unsubscribe_url="")
        .execution_options(synchronize_session=False)
    )
    db.session.commit()


def count_troubled(since: datetime) -> tuple[int, int]:
    """(letters that nobody can tell of, letters given up) of those written `since`."""
    lost = and_(Letter.handed_at.is_(None), Letter.tries >= MAX_TRIES)
    row = db.session.execute(
        select(
            func.count().filter(Letter.error.like(f"{DOUBTFUL}%")),
            func.count().filter(lost),
        ).where(Letter.posted_at.is_(None), Letter.created_at > since)
    ).one()
    return row[0], row[1]


def _note(letter_id: int, trouble: str, *, is_doubtful: bool) -> None:
    letter = db.session.get_one(Letter, letter_id)
    letter.error = (f"{DOUBTFUL} {trouble}" if is_doubtful else trouble)[:300]
    if not is_doubtful:
        letter.handed_at = None
    if not trouble:
        letter.posted_at = clock.now()
    if not trouble or is_doubtful:
        letter.text = letter.unsubscribe_url = ""
    db.session.commit()


@dataclass
class _Wire:
    """The last moment before a letter's text goes out."""

    letter_id: int
    is_reached: bool = False

    def reach(self) -> None:
        """Commits the intent; raises where another worker was quicker."""
        done = db.session.execute(
            update(Letter)
            .where(Letter.id == self.letter_id, Letter.handed_at.is_(None))
            .values(handed_at=clock.now())
            .execution_options(synchronize_session=False)
        )
        db.session.commit()
        if not done.rowcount:
            raise _OvertakenError
        self.is_reached = True


def _take(letter_id: int, sender: str) -> EmailMessage | None:
    """The letter as a mail, if it is to be posted and nobody else does: the try counts from now on,
    so that a worker that dies is followed only when the time of the next one has come. Commits."""
    letter = db.session.get(Letter, letter_id, with_for_update=True)
    now = clock.now()
    is_open = letter is not None and not letter.posted_at and not letter.handed_at
    is_due = is_open and letter.tries < MAX_TRIES
    if letter is None or not is_due or (letter.next_try_at and letter.next_try_at > now):
        db.session.rollback()
        return None
    message = _compose(letter, sender)
    letter.next_try_at = now + timedelta(minutes=MINUTES_TO_NEXT_TRY[letter.tries])
    letter.tries += 1
    db.session.commit()
    return message


def _compose(letter: Letter, sender: str) -> EmailMessage:
    """The same at every try, Message-ID and Date included: a mailbox can tell a repeat."""
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = letter.address
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(letter.created_at)
    domain = sender.rpartition("@")[2].strip("> ") or "localhost"
    message["Message-ID"] = f"<letter-{letter.id}-{letter.created_at.timestamp():.6f}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no vacation notes, please
    if letter.unsubscribe_url:
        message["List-Unsubscribe"] = f"<{letter.unsubscribe_url}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(letter.text)
    return message


def _deliver(message: EmailMessage, mail_url: str | None, wire: _Wire) -> None:
    """Returns when the relay has taken it, whatever it says to the farewell."""
    if not mail_url:
        raise PostingError("No mail server is set up for the installation's own mail (MAIL_URL).")
    url = urlsplit(mail_url)
    host, port = url.hostname or "localhost", url.port or 587
    context = ssl.create_default_context()
    if url.scheme == "smtps":
        relay = smtplib.SMTP_SSL(host, port, timeout=20, context=context)
    else:
        relay = smtplib.SMTP(host, port, timeout=20)
    say = relay.data

    def data(text):
        wire.reach()
        return say(text)

    relay.data = data
    try:
        if url.scheme == "smtp+starttls":
            relay.starttls(context=context)
        if url.username:
            relay.login(unquote(url.username), unquote(url.password or ""))
        relay.send_message(message)
        with contextlib.suppress(OSError, smtplib.SMTPException):
            relay.quit()
    finally:
        relay.close()
