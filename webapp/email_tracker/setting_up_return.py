"""What an admin says of a bounce address and the mailbox behind it."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import select

from webapp.accounts import auditing
from webapp.accounts.models import User, Workspace
from webapp.delivery.models import Connection, Security
from webapp.delivery.models_return import MailboxKind, ReturnWay
from webapp.extensions import db
from webapp.lib import addresses
from webapp.mail.conversation import ConnectError

KINDS = [
    (MailboxKind.NONE, "Handed to our receiver (SMTP or LMTP)"),
    (MailboxKind.IMAP, "In a mailbox with IMAP"),
    (MailboxKind.POP, "In a mailbox with POP3"),
]
SECURITIES = [
    (Security.TLS, "TLS (usual on ports 993 and 995)"),
    (Security.STARTTLS, "STARTTLS (usual on ports 143 and 110)"),
    (Security.NONE, "None (own network only)"),
]


@dataclass(frozen=True)
class ReturnInput:
    """What the page sends; a blank password leaves the stored one."""

    address: str
    kind: str
    host: str
    port: str
    security: str
    username: str
    password: str
    folder: str
    done_folder: str


def way_of(connection: Connection) -> ReturnWay:
    """The stored one, or one not yet stored, with what is usual."""
    return db.session.get(ReturnWay, connection.id) or ReturnWay(
        connection_id=connection.id,
        address="",
        kind=MailboxKind.NONE,
        host="",
        port=993,
        security=Security.TLS,
        username="",
        folder="INBOX",
        done_folder="",
        taken=0,
        failures=0,
        error="",
    )


def save(
    way: ReturnWay,
    typed: ReturnInput,
    workspace: Workspace,
    by: User,
    refuse_host: Callable[[str], None],
) -> dict[str, str]:
    """Take over what was typed; {field: what is wrong}, and then nothing is stored. Commits."""
    errors = _problems(way, typed, refuse_host)
    if errors:
        db.session.rollback()
        return errors
    way.address = typed.address.strip().lower()
    way.kind = typed.kind if way.address else MailboxKind.NONE
    if way.kind != MailboxKind.NONE:
        way.host, way.port = typed.host.strip(), int(typed.port)
        way.security, way.username = typed.security, typed.username.strip()
        way.folder, way.done_folder = typed.folder.strip() or "INBOX", typed.done_folder.strip()
    if typed.password:
        way.password = typed.password
    way.error, way.failures, way.next_look_at = "", 0, None
    changes = auditing.changes(way, *_AUDITED)
    if typed.password:
        changes["password"] = "a new one"
    db.session.add(way)
    connection = db.session.get_one(Connection, way.connection_id)
    auditing.note(
        "connection.bounces_saved", workspace=workspace, by=by, subject=connection,
        name=connection.name, **changes,
    )  # fmt: skip
    db.session.commit()
    return {}


# what an entry in the audit log says of a change
_AUDITED = ("address", "kind", "host", "port", "security", "username", "folder", "done_folder")


def _problems(way: ReturnWay, typed: ReturnInput, refuse_host: Callable) -> dict[str, str]:
    found: dict[str, str] = {}
    address = typed.address.strip()
    if address and (problem := addresses.check(address).problem):
        found["address"] = problem
    elif len(address.partition("@")[0]) > 24:
        found["address"] = "Choose a shorter one: every copy adds its token before the @."
    elif address and _is_taken(address.lower(), way.connection_id):
        found["address"] = "Another connection has this bounce address already."
    if typed.kind not in list(MailboxKind):
        found["kind"] = "Choose one from the list."
    if found or not address or typed.kind == MailboxKind.NONE:
        return found
    return found | _mailbox_problems(way, typed, refuse_host)


def _mailbox_problems(way: ReturnWay, typed: ReturnInput, refuse_host: Callable) -> dict[str, str]:
    found: dict[str, str] = {}
    host = typed.host.strip()
    if not host or any(character.isspace() or ord(character) < 33 for character in host):
        found["host"] = "Write the name of the mail server, like imap.example.org."
    else:
        try:
            refuse_host(host)
        except ConnectError as error:
            found["host"] = str(error)
    if not typed.port.isdecimal() or not 1 <= int(typed.port) <= 65535:
        found["port"] = "A port is a number from 1 to 65535."
    if typed.security not in list(Security):
        found["security"] = "Choose one from the list."
    texts = (typed.username, typed.password, typed.folder, typed.done_folder)
    if any(not text.isprintable() for text in texts):
        found["username"] = "There is a control character in what was typed."
    elif not typed.username.strip() or len(typed.username) > 255:
        found["username"] = "Write the name that the mailbox is opened with."
    if not typed.password and not way.password:
        found["password"] = "Write the password that the mailbox is opened with."
    if typed.done_folder.strip() and typed.done_folder.strip() == (typed.folder.strip() or "INBOX"):
        found["done_folder"] = "They cannot be moved to where they are taken from."
    return found


def _is_taken(address: str, connection_id: int) -> bool:
    statement = select(ReturnWay.connection_id).where(
        ReturnWay.address == address, ReturnWay.connection_id != connection_id
    )
    return db.session.scalar(statement.limit(1)) is not None
