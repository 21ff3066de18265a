"""Looking into the mailbox of a bounce address. A mail leaves it only after it is ours for good:
killed at any moment, it is read again, and stored once."""

import contextlib
import imaplib
import poplib
import re
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import or_, select

from webapp.delivery.models import Connection, Security
from webapp.delivery.models_return import MailboxKind, ReturnWay
from webapp.email_tracker import taking_in
from webapp.extensions import db
from webapp.lib import clock
from webapp.mail.letters import MAX_RAW
from webapp.mail.replies import clean_text

log = structlog.get_logger()

EVERY = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)
STEP_SECONDS = 30
MOST_AT_ONCE = 200  # mails of one look; more wait for the next, which comes at once

poplib._MAXLINE = 1_000_000  # type: ignore[attr-defined]  # RFC 1939 has no limit; ours is the cap

Take = Callable[[bytes], object]


class MailboxError(Exception):
    """The mailbox cannot be looked into; the text is one sentence."""


@dataclass(frozen=True)
class Mailbox:
    """What is needed to look into one, out of the database's hands: no transaction waits for a
    mail server. `verify`: whether the server's certificate is checked."""

    kind: str
    host: str
    port: int
    security: str
    username: str
    password: str
    folder: str
    done_folder: str
    verify: bool = True


def due() -> list[int]:
    """The Connections whose mailbox is to be looked into now."""
    return list(
        db.session.scalars(
            select(ReturnWay.connection_id)
            .join(Connection)
            .where(
                ReturnWay.kind != MailboxKind.NONE,
                Connection.removed_at.is_(None),
                or_(ReturnWay.next_look_at.is_(None), ReturnWay.next_look_at <= clock.now()),
            )
        )
    )


def look(connection_id: int, *, verify: bool) -> int:
    """Take everything out of one mailbox, mail by mail; how many. What goes wrong is noted on the
    ReturnWay, and the pause grows."""
    way = db.session.get(ReturnWay, connection_id)
    if way is None or way.kind == MailboxKind.NONE:
        return 0
    connection, mailbox = way.connection, mailbox_of(way, verify=verify)
    way.next_look_at = clock.now() + EVERY  # also where this look is killed
    db.session.commit()
    taken = 0

    def take(raw: bytes) -> None:
        nonlocal taken
        taking_in.take_in(connection, raw)
        taken += 1

    try:
        _look_into(mailbox, take)
        _note_success(way, taken)
    except MailboxError as error:
        _note_failure(way, str(error), taken)
    return taken


def try_out(mailbox: Mailbox) -> str | None:
    """Sign in and find the folders; None when all went well, else one sentence."""
    try:
        _look_into(mailbox, None)
    except MailboxError as error:
        return str(error)
    return None


def mailbox_of(way: ReturnWay, *, verify: bool) -> Mailbox:
    return Mailbox(
        kind=way.kind,
        host=way.host,
        port=way.port,
        security=way.security,
        username=way.username,
        password=way.password or "",
        folder=way.folder or "INBOX",
        done_folder=way.done_folder,
        verify=verify,
    )


def _look_into(way: Mailbox, take: Take | None) -> None:
    read = _read_imap if way.kind == MailboxKind.IMAP else _read_pop
    try:
        read(way, take)
    except (imaplib.IMAP4.error, poplib.error_proto) as error:
        raise MailboxError(f"The mail server says: {_words(error)}") from None
    except ssl.SSLError as error:
        raise MailboxError(f"No encrypted line to {way.host}: {_words(error)}.") from None
    except (OSError, EOFError) as error:
        raise MailboxError(f"{way.host} cannot be reached: {_words(error)}.") from None


# ---- IMAP (RFC 3501)


def _read_imap(way: Mailbox, take: Take | None) -> None:
    with _imap(way) as box:
        box.login(way.username, way.password)
        for folder in filter(None, [way.done_folder, way.folder]):
            _expect(box.select(_quoted(folder)), f"There is no folder {folder}")
        if take is None:
            return
        for uid in _uids(box):
            raw = _fetch(box, uid)
            if raw is None:  # somebody else was quicker
                continue
            take(raw)
            _put_away(box, uid, way.done_folder)


@contextlib.contextmanager
def _imap(way: Mailbox) -> Iterator[imaplib.IMAP4]:
    context = _tls(way.verify)
    if way.security == Security.TLS:
        box = imaplib.IMAP4_SSL(way.host, way.port, ssl_context=context, timeout=STEP_SECONDS)
    else:
        box = imaplib.IMAP4(way.host, way.port, timeout=STEP_SECONDS)
    try:
        if way.security == Security.STARTTLS:
            box.starttls(context)
        yield box
    finally:
        with contextlib.suppress(imaplib.IMAP4.error, OSError):
            box.logout()


def _uids(box: imaplib.IMAP4) -> list[bytes]:
    found = _expect(box.uid("SEARCH", "UNDELETED"), "The mails cannot be listed")
    return (found[0] or b"").split()[:MOST_AT_ONCE]


def _fetch(box: imaplib.IMAP4, uid: bytes) -> bytes | None:
    answer = _expect(
        box.uid("FETCH", uid.decode(), f"(BODY.PEEK[]<0.{MAX_RAW}>)"), "A mail cannot be read"
    )
    return next((part[1] for part in answer if isinstance(part, tuple)), None)


def _put_away(box: imaplib.IMAP4, uid: bytes, done_folder: str) -> None:
    number = uid.decode()
    if done_folder:
        copied = box.uid("COPY", number, _quoted(done_folder))
        _expect(copied, f"The mail cannot be moved to {done_folder}")
    _expect(box.uid("STORE", number, "+FLAGS.SILENT", r"(\Deleted)"), "The mail cannot be removed")
    if "UIDPLUS" in box.capabilities:
        box.uid("EXPUNGE", number)
    else:
        box.expunge()


def _expect(answer: tuple, otherwise: str) -> list:
    status, found = answer
    if status != "OK":
        raise imaplib.IMAP4.error(f"{otherwise} ({_words(found)})")
    return found


def _quoted(folder: str) -> str:
    """A folder's name as IMAP wants it: quoted, and in its own UTF-7 (RFC 3501 5.1.3)."""
    packed = re.sub(r"[^\x20-\x7e]+", _as_utf7, folder.replace("&", "&-"))
    return '"' + packed.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _as_utf7(match: re.Match) -> str:
    encoded = match[0].encode("utf-7").decode()  # "+…-"
    return "&" + encoded.strip("+-").replace("/", ",") + "-"


# ---- POP (RFC 1939)


def _read_pop(way: Mailbox, take: Take | None) -> None:
    """What is marked as deleted goes with QUIT only, so all of it is committed by then."""
    box = _pop(way)
    try:
        box.user(way.username)
        box.pass_(way.password)
        count = min(box.stat()[0], MOST_AT_ONCE)
        for number in range(1, count + 1) if take else ():
            take(b"\r\n".join(box.retr(number)[1]))
            box.dele(number)
        box.quit()
    finally:
        box.close()


def _pop(way: Mailbox) -> poplib.POP3:
    context = _tls(way.verify)
    if way.security == Security.TLS:
        return poplib.POP3_SSL(way.host, way.port, timeout=STEP_SECONDS, context=context)
    box = poplib.POP3(way.host, way.port, timeout=STEP_SECONDS)
    if way.security == Security.STARTTLS:
        box.stls(context)
    return box


def _tls(verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


# ---- how it went


def note_trial(way: ReturnWay, error: str | None) -> None:
    """What a try by hand said holds from now on; the next look keeps its time. Commits."""
    way.error = (error or "")[:300]
    db.session.commit()


def _note_success(way: ReturnWay, taken: int) -> None:
    now = clock.now()
    way.looked_at, way.error, way.failures = now, "", 0
    way.taken += taken
    way.next_look_at = now if taken >= MOST_AT_ONCE else now + EVERY
    db.session.commit()


def _note_failure(way: ReturnWay, why: str, taken: int) -> None:
    db.session.rollback()
    way.failures += 1
    way.error = why[:300]
    way.taken += taken
    way.next_look_at = _later(clock.now(), way.failures)
    db.session.commit()
    log.warning("mailbox_not_read", connection=way.connection_id, why=why)


def _later(now: datetime, failures: int) -> datetime:
    return now + min(LONGEST_PAUSE, EVERY * 2 ** min(failures, 10))


def _words(error: object) -> str:
    if isinstance(error, list):
        error = error[0] if error else ""
    if isinstance(error, BaseException):
        error = error.args[-1] if error.args else type(error).__name__
    text = error.decode("utf-8", "replace") if isinstance(error, bytes) else str(error)
    return clean_text(text, 200).rstrip(". ")
