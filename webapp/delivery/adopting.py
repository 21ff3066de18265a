"""The fence against the copied database: a host sends only from the database that it knows.

The database has an installation id and a counter that rises before anything leaves; every host
notes both in its data folder, and the place of the database. A database that is older than the
note, or stands elsewhere, or a host without a note, may mean that two send the same emails: then
nothing leaves until a person has said that this database is the one.
"""

import json
import os
import socket
import threading
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine, column, literal, select, table, text, update
from sqlalchemy.dialects import postgresql, sqlite

from webapp.accounts import auditing
from webapp.accounts.models import User, Workspace
from webapp.delivery.models import Attempt, Doubt, Provenance, SendingHost
from webapp.extensions import db
from webapp.lib import clock

NOTE = "sending-host.json"
ANSWER_HOLDS = timedelta(hours=1)  # a host that is adopted and not there asks again later
SENTENCES: dict[Doubt, str] = {
    Doubt.RESTORED: "The database is older than what {host} has seen of it: it looks like a"
    " restored backup. What was sent since that backup would be sent again.",
    Doubt.MOVED: "The database stands in another place than {host} knows: it was moved, or it is"
    " a copy. If the original still sends, people would get their mail twice.",
    Doubt.UNKNOWN_HOST: "{host} has never sent from this database: the host is new, or the"
    " database is a copy. If the original still sends, people would get their mail twice.",
}


@dataclass(frozen=True)
class Host:
    """Where we run: the data folder of this host, and its name for people."""

    folder: Path
    name: str


@dataclass(frozen=True)
class _Note:
    """What a host keeps of the database it sends from; blank but for `host` before the first."""

    host: str
    installation: str = ""
    counter: int = 0
    place: str = ""


def this_host(folder: Path) -> Host:
    return Host(folder, socket.gethostname())


def may_send(host: Host) -> bool:
    """Whether anything may leave from `host`. Yes raises the counter and notes it; no is stored
    as a question to people. Call it between transactions, before anything leaves; commits."""
    note = _read(host)  # before the database is: its counter only rises
    if not _is_trusted(host, note):
        return False
    counter, place = _raise_counter(), _place(db.engine)
    installation = _provenance().installation_id
    db.session.commit()
    _write(host, _Note(note.host, installation, counter, place))
    if answered := db.session.get(SendingHost, note.host):
        db.session.delete(answered)
    db.session.commit()
    return True


def is_trusted(host: Host) -> bool:
    """As may_send, but raises and notes nothing: for the clock, which looks every two seconds."""
    return _is_trusted(host, _read(host))


def questions() -> Sequence[SendingHost]:
    """The hosts that wait for a person's answer."""
    return db.session.scalars(
        select(SendingHost)
        .where(SendingHost.adopted_at.is_(None))
        .order_by(SendingHost.asked_at, SendingHost.id)
    ).all()


def sentence(asking: SendingHost) -> str:
    """Why nothing leaves, for people."""
    return SENTENCES[Doubt(asking.doubt)].format(host=asking.name)


def adopt(by: User | None) -> int:
    """A person says that this database is the one, and that the hosts asking may send from it.

    A database in doubt becomes an installation of its own, so that hosts of the original notice.
    Audited in every workspace. How many hosts; commits.
    """
    asking = questions()
    if not asking:
        return 0
    row = _provenance()
    if any(each.doubt != Doubt.UNKNOWN_HOST for each in asking):
        row.previous_id, row.installation_id = row.installation_id, str(uuid.uuid4())
    for each in asking:
        each.adopted_at = clock.now()
    for workspace in db.session.scalars(select(Workspace).order_by(Workspace.id)):
        auditing.note(
            "database.adopted",
            workspace=workspace,
            by=by,
            hosts=[each.name for each in asking],
            why=sorted({each.doubt for each in asking}),
        )
    db.session.commit()
    return len(asking)


def _is_trusted(host: Host, note: _Note) -> bool:
    db.session.rollback()
    doubt = _doubt(_provenance(), note)
    if doubt is None:
        return not _is_restored()
    if _is_adopted(note):
        return True
    if (newer := _read(host)) != note:  # another process of this host was just adopted
        return _is_trusted(host, newer)
    _ask(host, note, doubt)
    return False


def _doubt(row: Provenance, note: _Note) -> Doubt | None:
    is_ours = note.installation == row.installation_id
    if is_ours and note.counter > row.counter:
        return Doubt.RESTORED
    if not _has_sent() and not (row.counter and _has_promised()):
        return None
    if not is_ours and (not note.installation or note.installation != row.previous_id):
        return Doubt.UNKNOWN_HOST
    return Doubt.MOVED if note.place != _place(db.engine) else None


def _has_sent() -> bool:
    return db.session.scalar(select(Attempt.id).limit(1)) is not None


def _has_promised() -> bool:
    """Whether an email will go out by itself: a copy would send it as well."""
    emails = table("bulk_emails", column("stage"))
    waits = select(literal(True)).where(emails.c.stage == "scheduled").limit(1)
    return db.session.scalar(waits) is not None


def _is_restored() -> bool:
    """Another host has seen more than this database knows: that concerns all."""
    return any(each.doubt == Doubt.RESTORED for each in questions())


def _is_adopted(note: _Note) -> bool:
    answered = db.session.get(SendingHost, note.host)
    return bool(
        answered and answered.adopted_at and clock.now() - answered.adopted_at < ANSWER_HOLDS
    )


def _ask(host: Host, note: _Note, doubt: Doubt) -> None:
    """Store the question once, however often it is asked. Commits."""
    asked = db.session.get(SendingHost, note.host)
    if asked is None or asked.doubt != doubt or asked.adopted_at:
        values = {"name": host.name[:120], "doubt": doubt, "asked_at": clock.now()}
        db.session.execute(
            _insert()(SendingHost)
            .values(id=note.host, **values)
            .on_conflict_do_update(index_elements=["id"], set_=values | {"adopted_at": None})
        )
    db.session.commit()


def _provenance() -> Provenance:
    """The one row; made by the first who asks."""
    row = db.session.get(Provenance, 1, populate_existing=True)
    if row is None:
        new = {"id": 1, "installation_id": str(uuid.uuid4()), "counter": 0}
        db.session.execute(_insert()(Provenance).values(**new).on_conflict_do_nothing())
        row = db.session.get_one(Provenance, 1)
    return row


def _raise_counter() -> int:
    return db.session.scalars(
        update(Provenance)
        .values(counter=Provenance.counter + 1)
        .returning(Provenance.counter)
        .execution_options(synchronize_session=False)
    ).one()


def _insert():
    is_postgresql = db.engine.dialect.name == "postgresql"
    return postgresql.insert if is_postgresql else sqlite.insert


def _place(engine: Engine) -> str:
    """Where the database is: changes when a file is copied, and when another server answers."""
    url = engine.url
    if engine.dialect.name == "sqlite":
        path = Path(url.database or "").resolve()
        return f"{path} inode {path.stat().st_ino} {_machine()}"
    allowed = db.session.scalar(
        text("SELECT has_function_privilege('pg_control_system()', 'execute')")
    )
    system = allowed and db.session.scalar(
        text("SELECT system_identifier FROM pg_control_system()")
    )
    number = db.session.scalar(
        text("SELECT oid FROM pg_database WHERE datname = current_database()")
    )
    return f"{url.host}:{url.port or 5432}/{url.database} system {system} database {number}"


def _machine() -> str:
    """This machine's own id (systemd writes it); "" where there is none, as in containers."""
    try:
        return Path("/etc/machine-id").read_text().strip()
    except OSError:
        return ""


def _read(host: Host) -> _Note:
    """The note, or a blank one where there is none that can be read; the host's id is then made
    of what it is, so that its processes ask as one."""
    try:
        return _Note(**json.loads((host.folder / NOTE).read_text()))
    except (OSError, ValueError, TypeError):
        name = f"{_machine()} {host.name} {host.folder}"
        return _Note(host=str(uuid.uuid5(uuid.NAMESPACE_URL, name)))


def _write(host: Host, note: _Note) -> None:
    """Whole or not at all, and on the disk before anything leaves."""
    path = host.folder / f"{NOTE}.{os.getpid()}.{threading.get_ident()}"
    with path.open("w") as file:
        json.dump(asdict(note), file)
        file.flush()
        os.fsync(file.fileno())
    path.replace(host.folder / NOTE)
