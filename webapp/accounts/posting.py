"""The installation's own mail: invitations and resets, over the relay that MAIL_URL names."""

import smtplib
import ssl
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid
from urllib.parse import unquote, urlsplit

from sqlalchemy import select

from webapp.accounts.models import Letter
from webapp.extensions import db
from webapp.lib import clock
from webapp.mail import headers

MAX_TRIES = 8


class PostingError(Exception):
    """The relay did not take it; the text says why."""


def write(address: str, subject: str, text: str) -> Letter:
    """A Letter in the running transaction; commit, then wake accounts.jobs.post."""
    letter = Letter(address=headers.clean(address), subject=headers.clean(subject)[:200], text=text)
    db.session.add(letter)
    db.session.flush()
    return letter


def waiting() -> list[int]:
    """Letters not yet posted and not given up."""
    return list(
        db.session.scalars(
            select(Letter.id).where(Letter.posted_at.is_(None), Letter.tries < MAX_TRIES)
        )
    )


def post(letter_id: int, mail_url: str | None, sender: str) -> None:
    """Hand one letter over; trouble is noted on it, and the clock wakes for it again. Commits."""
    letter = db.session.get(Letter, letter_id, with_for_update=True)
    if letter is None or letter.posted_at:
        db.session.rollback()
        return
    try:
        _deliver(_compose(letter, sender), mail_url)
    except (PostingError, OSError, smtplib.SMTPException) as error:
        letter.tries += 1
        letter.error = str(error)[:300]
    else:
        letter.posted_at = clock.now()
        letter.text = ""
    db.session.commit()


def _compose(letter: Letter, sender: str) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = letter.address
    message["Subject"] = letter.subject
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2].strip("> ") or "localhost")
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no vacation notes, please
    message.set_content(letter.text)
    return message


def _deliver(message: EmailMessage, mail_url: str | None) -> None:
    if not mail_url:
        raise PostingError("No mail server is set up for the installation's own mail (MAIL_URL).")
    url = urlsplit(mail_url)
    host, port = url.hostname or "localhost", url.port or 587
    context = ssl.create_default_context()
    if url.scheme == "smtps":
        relay = smtplib.SMTP_SSL(host, port, timeout=20, context=context)
    else:
        relay = smtplib.SMTP(host, port, timeout=20)
    with relay:
        if url.scheme == "smtp+starttls":
            relay.starttls(context=context)
        if url.username:
            relay.login(unquote(url.username), unquote(url.password or ""))
        relay.send_message(message)
