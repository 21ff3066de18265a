"""Which email is served next, and serving it for a slice of time."""

import asyncio
import time
from typing import Any

import uvloop
from sqlalchemy import ColumnElement, and_, exists, or_, select, update
from sqlalchemy.orm import aliased

from webapp.bulk_email import guarding, preparing, sending
from webapp.bulk_email.handing_over import Handover, Setting
from webapp.bulk_email.lines import Lines
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.columns import database_now
from webapp.delivery import leasing, pausing
from webapp.delivery.models import Connection
from webapp.extensions import db
from webapp.lib import clock, stopping
from webapp.mail.conversation import ConnectError

TURN_SECONDS = 2  # then the email least recently served has its turn
PATIENCE_SECONDS = 3.0
REFUSED_US = "The mail server refuses to send for us: {}."


def drain(setting: Setting, seconds: float) -> bool:
    """Serve emails in turn until nothing is due, `seconds` are over, or we are to stop.
    True: there is more to do."""
    return uvloop.run(_drain(setting, time.monotonic() + seconds))


async def _drain(setting: Setting, end: float) -> bool:
    serving = _Serving(setting)
    try:
        while time.monotonic() < end and not stopping.is_asked():
            if not setting.may_send():
                return False
            is_preparing = prepare_waiting()
            bulk_email = next_email()
            if bulk_email is not None:
                await serving.serve(bulk_email)
            elif not is_preparing:
                if not is_due_soon():
                    return False
                await asyncio.sleep(PATIENCE_SECONDS / 10)
        return True
    finally:
        await serving.close()


class _Serving:
    """What is kept between turns: lines by Connection, handovers by email and Connection."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._lines: dict[int, Lines] = {}
        self._handovers: dict[tuple[int, int], Handover] = {}

    async def serve(self, bulk_email: BulkEmail) -> None:
        """One turn of one email."""
        email_id, connection_id = bulk_email.id, usable_connection(bulk_email).id
        deadline = bulk_email.deadline
        _note_turn(email_id)
        try:
            handover = self._handover(bulk_email)
        except ConnectError as error:
            note_no_entry(bulk_email, connection_id, error)
            return
        if not await self._lines[connection_id].take_seats():
            await asyncio.sleep(PATIENCE_SECONDS / 10)  # other workers hold them all
            return
        turn = await handover.serve(TURN_SECONDS, deadline)
        if turn.error is not None:
            note_no_entry(bulk_email, connection_id, turn.error)
        elif turn.refusal:
            sending.pause(bulk_email, None, REFUSED_US.format(turn.refusal[:300].rstrip(".")))
        if turn.has_unknown_domains:
            self._setting.on_unknown_domains()
        if not sending.finish_if_done(email_id):
            guarding.ask_if_many_bounce(bulk_email)

    def _handover(self, bulk_email: BulkEmail) -> Handover:
        connection = usable_connection(bulk_email)
        setting = self._setting
        if connection.id not in self._lines:
            server = setting.server_of(connection)
            self._lines[connection.id] = Lines(
                connection, server, setting.owner, setting.lease_seconds
            )
        key = (bulk_email.id, connection.id)
        if key not in self._handovers:
            provider = setting.providers[connection.provider]
            lines = self._lines[connection.id]
            self._handovers[key] = Handover(bulk_email, lines, provider, setting)
        return self._handovers[key]

    async def close(self) -> None:
        await asyncio.gather(*(lines.close() for lines in self._lines.values()))


def usable_connection(bulk_email: BulkEmail) -> Connection:
    """The email's Connection, or its backup while it rests and the backup does not."""
    return pausing.usable(bulk_email.connection, clock.now())


def note_no_entry(bulk_email: BulkEmail, connection_id: int, error: ConnectError) -> None:
    """Nobody let us in: the Connection rests. Where they refused us, waiting mends nothing: unless
    a backup takes over, the email asks a person. Commits."""
    pausing.rest(connection_id, str(error))
    db.session.commit()
    has_backup = usable_connection(bulk_email).id != connection_id
    if error.is_refusal and not has_backup:
        sending.pause(bulk_email, None, str(error)[:500])


def prepare_waiting() -> bool:
    """Freeze a chunk of every email being prepared: a small one does not wait for the end of a
    large one's turn. Whether there is more to prepare."""
    waiting = db.session.scalars(
        select(BulkEmail.id).where(BulkEmail.stage == Stage.PREPARING).order_by(BulkEmail.id)
    ).all()
    db.session.commit()
    more = [preparing.prepare_some(email_id) for email_id in waiting]
    for email_id in waiting:
        sending.finish_if_done(email_id)
    return any(more)


def next_email() -> BulkEmail | None:
    """The email least recently served of those that have a copy due and a Connection, or a backup
    of it, not resting. Ends the transaction."""
    backup = aliased(Connection)
    found = db.session.scalar(
        select(BulkEmail)
        .join(Connection, Connection.id == BulkEmail.connection_id)
        .outerjoin(backup, backup.id == Connection.backup_id)
        .where(
            BulkEmail.stage == Stage.SENDING,
            or_(
                _is_ready(Connection),
                and_(backup.id.is_not(None), backup.removed_at.is_(None), _is_ready(backup)),
            ),
            exists().where(*leasing.due(BulkEmail.id)),
        )
        .order_by(BulkEmail.last_served_at.asc().nulls_first(), BulkEmail.id)
        .limit(1)
    )
    db.session.commit()
    return found


def _is_ready(connection: Any) -> ColumnElement[bool]:
    return or_(connection.paused_until.is_(None), connection.paused_until <= database_now())


def is_due_soon() -> bool:
    """Whether a copy's turn comes within seconds: then it is not worth ending. Ends the
    transaction."""
    found = db.session.scalar(
        select(BulkEmail.id)
        .join(Connection, Connection.id == BulkEmail.connection_id)
        .where(
            BulkEmail.stage == Stage.SENDING,
            _is_ready(Connection),
            exists().where(*leasing.due(BulkEmail.id, within_seconds=PATIENCE_SECONDS)),
        )
        .limit(1)
    )
    db.session.commit()
    return found is not None


def _note_turn(email_id: int) -> None:
    db.session.execute(
        update(BulkEmail).where(BulkEmail.id == email_id).values(last_served_at=clock.now())
    )
    db.session.commit()
