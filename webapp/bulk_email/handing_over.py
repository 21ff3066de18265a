"""Handing the copies of one email to its relay: several conversations, one hand of copies."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import exists

from webapp.bulk_email import freezing, judging
from webapp.bulk_email.in_hand import Hand, Held
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.delivery import pausing, suppressing, tokens
from webapp.delivery.leasing import Outcome
from webapp.delivery.models import Connection
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.lib import addresses, clock, stopping
from webapp.mail import merging
from webapp.mail.conversation import ConnectError, Conversation, Server
from webapp.mail.headers import HeaderError
from webapp.mail.template import Copy, Message
from webapp.mail.transactions import Result
from webapp.providers.contract import Provider

GROUP = 32  # copies in hand for each conversation, at most: so many a crash leaves in doubt
MOST_CONVERSATIONS = 16
LOOK_SECONDS = 0.5  # how long an outcome waits for company before it is stored
REOPEN_SECONDS = 1.0


@dataclass(frozen=True)
class Setting:
    """What a worker knows beside the database. `server_of` turns a Connection into a Server and
    raises ConnectError for hosts that may not be reached; `may_send` is asked before each turn,
    between transactions: delivery.adopting.may_send of this host."""

    owner: str
    lease_seconds: float
    token_key: bytes
    base_url: str
    server_of: Callable[[Connection], Server]
    providers: Mapping[str, Provider]
    may_send: Callable[[], bool] = lambda: True
    group: int = GROUP


class Handover:
    """Sends the copies of one email over its Connection; conversations are kept between turns."""

    def __init__(self, bulk_email: BulkEmail, setting: Setting) -> None:
        connection: Connection = bulk_email.connection
        self._setting = setting
        self._workspace_id = bulk_email.workspace_id
        self._connection_id = connection.id
        self._deadline = bulk_email.deadline
        tracking = setting.providers[connection.provider].tracking_headers
        self._template = freezing.compiled(bulk_email.template, tracking)
        server = setting.server_of(connection)
        width = max(1, min(connection.max_connections, MOST_CONVERSATIONS))
        self._conversations = [Conversation(server) for _ in range(width)]
        self._hand = Hand(
            bulk_email_id=bulk_email.id,
            owner=setting.owner,
            lease_seconds=setting.lease_seconds,
            most=setting.group * width,
            may_send=exists().where(
                BulkEmail.id == bulk_email.id, BulkEmail.stage == Stage.SENDING
            ),
            also=self._consequences,
        )
        self._wake = asyncio.Event()
        self._reopen_at = 0.0
        self._opening: asyncio.Task | None = None

    async def serve(self, seconds: float) -> bool:
        """Send what is due for `seconds`, then settle what is in hand. False: nothing was due, or
        nobody let us in. Commits."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        any_taken = False
        while True:
            error = await self._open_some()
            is_over = error is not None or loop.time() > end or stopping.is_asked()
            if is_over:
                self._hand.put_back()
            taken = await self._hand.exchange(0 if is_over else self._hand.room)
            any_taken = any_taken or bool(taken)
            if error is not None:
                pausing.rest(self._connection_id, str(error))
                db.session.commit()
                return any_taken
            self._feed()
            if not taken and self._hand.is_empty:
                return any_taken
            await self._wait()

    async def close(self) -> None:
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        await asyncio.gather(*(conversation.close() for conversation in self._conversations))

    # ---- conversations

    async def _open_some(self) -> ConnectError | None:
        """Open what is closed: all at the beginning; later one at a time, while the others go on.
        An error only when none is open at all."""
        closed = [talk for talk in self._conversations if not talk.is_open]
        is_any_open = len(closed) < len(self._conversations)
        now = asyncio.get_running_loop().time()
        if not closed or (is_any_open and now < self._reopen_at):
            return None
        self._reopen_at = now + REOPEN_SECONDS
        if is_any_open:
            if self._opening is None or self._opening.done():
                self._opening = asyncio.create_task(self._open(closed[0]))
            return None
        errors = await asyncio.gather(*(self._open(talk) for talk in closed))
        return None if None in errors else errors[0]

    async def _open(self, conversation: Conversation) -> ConnectError | None:
        try:
            await conversation.open()
        except ConnectError as error:
            return error
        conversation.begin(self._next, self._note, self._wake.set)
        return None

    def _feed(self) -> None:
        for conversation in self._conversations:
            if not self._hand.supply:
                return
            conversation.feed()

    async def _wait(self) -> None:
        """Until half of the hand is used up, all is answered, or half a second has passed."""
        self._wake.clear()
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            return

    # ---- called by the conversations

    def _next(self) -> tuple[Held, Message] | None:
        """The next mail for the wire."""
        hand = self._hand
        while hand.supply and not stopping.is_asked():
            held = hand.supply.popleft()
            held.began_at = clock.now()
            try:
                message = self._message(held)
            except (merging.MergeError, HeaderError) as error:
                hand.outcomes.append(judging.merge_failed(held, str(error)))
                continue
            hand.on_wire += 1
            return held, message
        return None

    def _note(self, held: Held, result: Result | None) -> None:
        """What became of a mail; None: nothing of it went out."""
        hand = self._hand
        hand.on_wire -= 1
        if result is None:
            hand.returned.append(held)
        else:
            hand.outcomes.append(judging.judge(held, result, self._deadline))
        if hand.room or not hand.on_wire:
            self._wake.set()

    def _message(self, held: Held) -> Message:
        row, key = held.row, self._setting.token_key
        unsubscribe = tokens.unsubscribe_token(key, row.id)
        return self._template.fill(
            Copy(
                token=tokens.copy_token(key, row.id),
                address=addresses.on_the_wire(row.address, row.address_key),
                name=row.name,
                values=merging.merge_values(row.merge_values),
                date=held.date,
                unsubscribe_url=f"{self._setting.base_url}/u/{unsubscribe}",
            )
        )

    # ---- in the transaction that stores outcomes

    def _consequences(self, outcomes: Sequence[Outcome]) -> None:
        """Who is not there is not written to again, and a Connection that works rests no more."""
        suppressing.suppress(
            self._workspace_id,
            [
                suppressing.Entry(said.address, said.cause, said.reply)
                for said in outcomes
                if said.status is Status.BOUNCED and said.cause in suppressing.SUPPRESSING
            ],
        )
        if outcomes:
            pausing.note_success(self._connection_id)
