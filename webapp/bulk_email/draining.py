"""Which email is served next, and serving it for a slice of time."""

import asyncio
import time

import uvloop
from sqlalchemy import exists, or_, select, update

from webapp.bulk_email import preparing, sending
from webapp.bulk_email.handing_over import Handover, Setting
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.columns import database_now
from webapp.delivery import leasing, pausing
from webapp.delivery.models import Connection
from webapp.extensions import db
from webapp.lib import clock, stopping
from webapp.mail.conversation import ConnectError

TURN_SECONDS = 2  # then the email least recently served has its turn


def drain(setting: Setting, seconds: float) -> bool:
    """Serve emails in turn until nothing is due, `seconds` are over, or we are to stop.
    True: there is more to do."""
    return uvloop.run(_drain(setting, time.monotonic() + seconds))


async def _drain(setting: Setting, end: float) -> bool:
    handovers: dict[int, Handover] = {}
    try:
        while time.monotonic() < end and not stopping.is_asked():
            if not setting.may_send():
                return False
            is_preparing = prepare_waiting()
            bulk_email = next_email()
            if bulk_email is None and not is_preparing:
                return False
            if bulk_email is None:
                continue
            await _serve(bulk_email, setting, handovers)
        return True
    finally:
        await asyncio.gather(*(handover.close() for handover in handovers.values()))


async def _serve(bulk_email: BulkEmail, setting: Setting, handovers: dict[int, Handover]) -> None:
    """One turn of one email."""
    email_id, connection_id = bulk_email.id, bulk_email.connection_id
    try:
        if email_id not in handovers:
            handovers[email_id] = Handover(bulk_email, setting)
    except ConnectError as error:
        pausing.rest(connection_id, str(error))
        db.session.commit()
        return
    _note_turn(email_id)
    await handovers[email_id].serve(TURN_SECONDS)
    sending.finish_if_done(email_id)


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
    """The email least recently served of those that have a copy due and a Connection not resting.
    Ends the transaction."""
    due = exists().where(*leasing.due(BulkEmail.id))
    found = db.session.scalar(
        select(BulkEmail)
        .join(Connection, Connection.id == BulkEmail.connection_id)
        .where(
            BulkEmail.stage == Stage.SENDING,
            or_(Connection.paused_until.is_(None), Connection.paused_until <= database_now()),
            due,
        )
        .order_by(BulkEmail.last_served_at.asc().nulls_first(), BulkEmail.id)
        .limit(1)
    )
    db.session.commit()
    return found


def _note_turn(email_id: int) -> None:
    db.session.execute(
        update(BulkEmail).where(BulkEmail.id == email_id).values(last_served_at=clock.now())
    )
    db.session.commit()
