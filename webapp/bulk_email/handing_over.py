"""Handing copies to the relay in waves: intents committed, conversations held, outcomes committed.

A wave is at most GROUP copies for each of the Connection's conversations, so that what a crash
leaves in doubt is small.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Row, exists, update

from webapp.bulk_email import freezing
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.delivery import leasing, suppressing, tokens
from webapp.delivery.models import Connection
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.lib import clock, stopping
from webapp.mail import merging, replies
from webapp.mail.causes import Cause
from webapp.mail.conversation import ConnectError, Conversation, Phase, Result, Server
from webapp.mail.headers import HeaderError
from webapp.mail.template import Copy, Message, Template
from webapp.providers.contract import Provider

log = structlog.get_logger()

GROUP = 32
FIRST_BACK_OFF = timedelta(minutes=1)
LONGEST_BACK_OFF = timedelta(hours=2)
PAUSES_SECONDS = (10, 30, 60, 120, 300, 600)


@dataclass(frozen=True)
class Setting:
    """What a worker knows beside the database. `server_of` turns a Connection into a Server and
    raises ConnectError for hosts that may not be reached; `may_send` is asked before each turn,
    between transactions: delivery.adopting.may_send of this host."""

    owner: str
    lease_seconds: int
    token_key: bytes
    base_url: str
    server_of: Callable[[Connection], Server]
    providers: Mapping[str, Provider]
    may_send: Callable[[], bool] = lambda: True


@dataclass
class _Wave:
    """Copies marked in flight, and what has become of them so far."""

    rows: list[Row]
    dates: dict[int, datetime]
    outcomes: list[leasing.Outcome] = field(default_factory=list)
    untouched: list[Row] = field(default_factory=list)
    connect_error: ConnectError | None = None


class Handover:
    """Sends the copies of one email over its Connection; conversations are kept between waves."""

    def __init__(self, bulk_email: BulkEmail, setting: Setting) -> None:
        self._email_id = bulk_email.id
        self._workspace_id = bulk_email.workspace_id
        self._deadline = bulk_email.deadline
        self._connection: Connection = bulk_email.connection
        self._connection_id = bulk_email.connection_id
        self._template: Template = freezing.compiled(bulk_email.template)
        self._setting = setting
        self._provider = setting.providers[self._connection.provider]
        self._width = max(1, min(self._connection.max_connections, 16))
        self._server = setting.server_of(self._connection)
        self._conversations: list[Conversation] = []

    async def send_some(self) -> int:
        """Lease, send and record one wave; how many copies were leased. Commits."""
        rows = leasing.lease(
            self._email_id,
            self._setting.owner,
            GROUP * self._width,
            self._setting.lease_seconds,
        )
        db.session.commit()
        if not rows:
            return 0
        messages, failed = self._fill(rows)
        wave = self._mark(rows, set(messages))
        async with self._renewing():
            await self._converse(wave, messages)
        self._record(wave, failed, rows)
        return len(rows)

    async def close(self) -> None:
        for conversation in self._conversations:
            await conversation.close()
        self._conversations.clear()

    # ---- one wave

    def _fill(self, rows: Sequence[Row]) -> tuple[dict[int, Message], list[leasing.Outcome]]:
        """The messages, dated by their first try (now, where this is it), and failed merges."""
        messages, failed = {}, []
        for row in rows:
            try:
                messages[row.id] = self._message(row, row.first_tried_at or clock.now())
            except (merging.MergeError, HeaderError) as error:
                failed.append(
                    self._outcome(
                        row, Phase.CONNECT, None, str(error), Status.FAILED, Cause.MERGE_FAILED
                    )
                )
        return messages, failed

    def _message(self, row: Row, date: datetime) -> Message:
        key = self._setting.token_key
        token = tokens.copy_token(key, row.id)
        unsubscribe = tokens.unsubscribe_token(key, row.id)
        return self._template.fill(
            Copy(
                token=token,
                address=row.address,
                name=row.name,
                values=merging.merge_values(row.merge_values),
                date=date,
                unsubscribe_url=f"{self._setting.base_url}/u/{unsubscribe}",
                extra_headers=self._provider.tracking_headers(token),
            )
        )

    def _mark(self, rows: Sequence[Row], sendable: set[int]) -> _Wave:
        """The intent, committed: only what it returns may be sent."""
        may_send = exists().where(BulkEmail.id == self._email_id, BulkEmail.stage == Stage.SENDING)
        wanted = [row for row in rows if row.id in sendable]
        dates = (
            leasing.mark_in_flight(
                wanted,
                may_send=may_send,
                workspace_id=self._workspace_id,
                seconds=self._setting.lease_seconds,
            )
            if wanted
            else {}
        )
        leasing.release([row.id for row in wanted if row.id not in dates])
        db.session.commit()
        return _Wave([row for row in wanted if row.id in dates], dates)

    async def _converse(self, wave: _Wave, messages: dict[int, Message]) -> None:
        waiting = list(reversed(wave.rows))
        width = min(self._width, len(waiting))
        while len(self._conversations) < width:
            self._conversations.append(Conversation(self._server))
        await asyncio.gather(
            *(self._talk(talk, waiting, wave, messages) for talk in self._conversations[:width])
        )
        wave.untouched += waiting

    async def _talk(
        self, talk: Conversation, waiting: list[Row], wave: _Wave, messages: dict[int, Message]
    ) -> None:
        """Deliver from `waiting` until it is empty, we are to stop, or nobody lets us in."""
        while waiting and not stopping.is_asked() and wave.connect_error is None:
            if not talk.is_open:
                try:
                    await talk.open()
                except ConnectError as error:
                    wave.connect_error = error
                    return
            if not waiting:
                return
            row = waiting.pop()
            began = clock.now()
            result = await talk.deliver(messages[row.id])
            wave.outcomes.append(self._judge(row, result, began))

    @contextlib.asynccontextmanager
    async def _renewing(self):
        """Keep the lease alive while the relay takes its time."""

        async def renew() -> None:
            while True:
                await asyncio.sleep(self._setting.lease_seconds / 8)
                leasing.renew(self._setting.owner, self._setting.lease_seconds)
                db.session.commit()

        task = asyncio.create_task(renew())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def _record(self, wave: _Wave, failed: list[leasing.Outcome], rows: Sequence[Row]) -> None:
        leasing.record_outcomes(wave.outcomes + failed)
        if wave.untouched:
            leasing.take_back(wave.untouched)
        self._suppress(wave.outcomes, {row.id: row.address for row in rows})
        self._note_connection(wave)
        db.session.commit()

    def _suppress(self, outcomes: list[leasing.Outcome], addresses: dict[int, str]) -> None:
        suppressing.suppress(
            self._workspace_id,
            [
                suppressing.Entry(addresses[outcome.recipient_id], outcome.cause, outcome.reply)
                for outcome in outcomes
                if outcome.status is Status.BOUNCED and outcome.cause in suppressing.SUPPRESSING
            ],
        )

    def _note_connection(self, wave: _Wave) -> None:
        """Nobody let us in: the Connection rests, longer each time; no try is counted."""
        connection = db.session.get(Connection, self._connection_id)
        if wave.connect_error is None:
            if wave.outcomes and connection.connect_failures:
                connection.connect_failures = 0
                connection.paused_until = None
                connection.pause_reason = ""
            return
        seconds = PAUSES_SECONDS[min(connection.connect_failures, len(PAUSES_SECONDS) - 1)]
        connection.connect_failures += 1
        connection.paused_until = clock.now() + timedelta(seconds=seconds)
        connection.pause_reason = str(wave.connect_error)[:500]
        log.warning("connection_paused", connection=connection.id, reason=connection.pause_reason)

    # ---- what a result means

    def _judge(self, row: Row, result: Result, began: datetime) -> leasing.Outcome:
        if result.reply is None:
            if result.is_ambiguous:
                text = "The line broke after the mail was handed over, before the answer."
                return self._outcome(
                    row, result.phase, None, text, Status.UNCONFIRMED, Cause.UNKNOWN, began
                )
            text = "The line broke before the mail was handed over."
            return self._later(row, result.phase, None, text, Cause.UNREACHABLE, began)

        reply = result.reply
        verdict = replies.judge(reply, at_recipient=result.phase is not Phase.MAIL)
        text = str(reply)
        if verdict.outcome is replies.Outcome.ACCEPTED:
            return self._outcome(row, result.phase, reply.code, text, Status.SENT, None, began)
        if verdict.outcome is replies.Outcome.REFUSED_FOR_NOW:
            return self._later(row, result.phase, reply.code, text, verdict.cause, began)
        is_ours = verdict.outcome is replies.Outcome.DENIED
        status = Status.FAILED if is_ours else Status.BOUNCED
        return self._outcome(row, result.phase, reply.code, text, status, verdict.cause, began)

    def _later(self, row, phase, code, text, cause, began) -> leasing.Outcome:
        """Try again 1, 2, 4 … minutes later, until the sender's deadline; then it is settled."""
        wait = min(FIRST_BACK_OFF * 2**row.attempt_count, LONGEST_BACK_OFF)
        again = clock.now() + wait * random.uniform(0.9, 1.2)
        if self._deadline and again > self._deadline:
            status = Status.FAILED if cause is Cause.OUR_SERVER else Status.BOUNCED_SOFT
            return self._outcome(row, phase, code, text, status, cause, began)
        return self._outcome(row, phase, code, text, Status.RETRYING, cause, began, again)

    def _outcome(
        self, row, phase, code, text, status, cause, began=None, again=None
    ) -> leasing.Outcome:
        return leasing.Outcome(
            recipient_id=row.id,
            fence=row.fence,
            generation=row.generation,
            phase=phase,
            code=code,
            reply=text,
            status=status,
            cause=cause,
            began_at=began or clock.now(),
            next_try_at=again,
        )


def pause_connection(connection_id: int, error: ConnectError) -> None:
    """A Connection that may not be used at all rests too. Commits."""
    db.session.execute(
        update(Connection)
        .where(Connection.id == connection_id)
        .values(
            paused_until=clock.now() + timedelta(seconds=PAUSES_SECONDS[-1]),
            pause_reason=str(error)[:500],
        )
    )
    db.session.commit()
