"""Handing the copies of one email to its relay: several conversations, one hand of copies."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists

from webapp.bulk_email import freezing, judging
from webapp.bulk_email.in_hand import Hand, Held
from webapp.bulk_email.lines import Lines
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.bulk_email.traffic import Traffic
from webapp.delivery import following, pausing, returning, suppressing, tokens, wearying
from webapp.delivery.attempting import Outcome
from webapp.delivery.models import Connection
from webapp.delivery.statuses import Status
from webapp.lib import addresses, clock, stopping
from webapp.mail import merging
from webapp.mail.conversation import ConnectError, Conversation, Server
from webapp.mail.headers import HeaderError
from webapp.mail.template import Copy, Message
from webapp.mail.transactions import Result
from webapp.providers.contract import Provider

GROUP = 32  # copies in hand for each conversation, at most: so many a crash leaves in doubt
LOOK_SECONDS = 0.5  # how long an outcome waits for company before it is stored


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
    on_unknown_domains: Callable[[], None] = lambda: None
    group: int = GROUP


@dataclass(frozen=True)
class Turn:
    """How a turn went: whether any copy was taken; that nobody let us in; what they said of us
    that a person must mend; whether there are domains to be looked up."""

    any_taken: bool
    error: ConnectError | None
    refusal: str
    has_unknown_domains: bool


class Handover:
    """Sends the copies of one email over the lines to its relay, turn by turn."""

    def __init__(self, bulk_email: BulkEmail, lines: Lines, provider: Provider, setting: Setting):
        self._setting = setting
        self._provider = provider
        self._lines = lines
        self._workspace_id = bulk_email.workspace_id
        self._deadline: datetime | None = None
        self._template = freezing.compiled(bulk_email.template, provider.tracking_headers)
        self._addresses = following.Addresses(
            setting.token_key, setting.base_url, bulk_email.template.get("following")
        )
        self._bounce_address = returning.bounce_address(lines.connection_id)
        self._traffic = Traffic(bulk_email.id, lines.connection_id)
        self._hand = Hand(
            bulk_email_id=bulk_email.id,
            connection_id=lines.connection_id,
            traffic=self._traffic,
            owner=setting.owner,
            lease_seconds=setting.lease_seconds,
            most=setting.group,
            may_send=exists().where(
                BulkEmail.id == bulk_email.id, BulkEmail.stage == Stage.SENDING
            ),
            also=self._consequences,
            topic_id=bulk_email.topic_id,
        )
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._looked_at, self._clock = self._loop.time(), clock.now()
        self._refusal = ""  # what they said of us, not of the recipient

    async def serve(self, seconds: float, deadline: datetime | None) -> Turn:
        """Send what is due for `seconds`, then settle what is in hand; what is refused for now is
        tried until `deadline`. Commits."""
        self._deadline, self._refusal = deadline, ""
        end = time.monotonic() + seconds
        self._hand.most = self._setting.group * self._lines.width
        any_taken = False
        error = None
        for talk in self._lines.open_ones:
            self._begin(talk)
        while True:
            error = error or await self._open_all()
            is_over = error or self._refusal or time.monotonic() > end or stopping.is_asked()
            if is_over:
                self._hand.put_back()
            else:
                self._lines.mend(self._begin)
            taken = await self._hand.exchange(0 if is_over else self._hand.room)
            any_taken = any_taken or bool(taken)
            self._feed()
            if not taken and self._hand.is_empty:
                break
            await self._wait(is_over=bool(is_over))
        await self._hand.exchange(0)
        await self._lines.settle()
        return Turn(any_taken, error, self._refusal, self._traffic.has_unknown_domains)

    async def _open_all(self) -> ConnectError | None:
        """Where no conversation is open any more (or yet), all of them anew."""
        if self._lines.open_ones:
            return None
        error = await self._lines.open()
        for talk in self._lines.open_ones:
            self._begin(talk)
        return error

    def _begin(self, talk: Conversation) -> None:
        talk.begin(self._next, self._note, self._wake.set)
        talk.feed()

    def _feed(self) -> None:
        for talk in self._lines.open_ones:
            if not self._hand.supply:
                return
            talk.feed()

    async def _wait(self, *, is_over: bool) -> None:
        """Until a look is worth it, or half a second has passed. Over: until all is answered."""
        self._wake.clear()
        if is_over:
            is_ready = not self._hand.on_wire
        else:
            is_ready = self._hand.is_worth_a_look or not self._lines.open_ones
        if is_ready:
            return
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            return

    # ---- called by the conversations

    def _next(self) -> tuple[Held, Message] | None:
        """The next mail for the wire."""
        hand = self._hand
        while hand.supply and not stopping.is_asked() and not self._refusal:
            held = hand.supply.popleft()
            held.began_at = self._now()
            if self._traffic.is_resting(held.destination, held.began_at):
                held.due_again = self._traffic.later(held.destination, held.began_at)
                hand.returned.append(held)
                continue
            try:
                message = self._message(held)
            except (merging.MergeError, HeaderError) as error:
                hand.outcomes.append(judging.merge_failed(held, str(error), self._now()))
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
            said = judging.judge(
                held, result, now=self._now(), deadline=self._deadline, provider=self._provider
            )
            hand.outcomes.append(said)
            self._traffic.note(said, held.destination, result.reply)
            if judging.speaks_of_us(said):
                self._refusal = said.reply
        if hand.is_worth_a_look:
            self._wake.set()

    def _now(self) -> datetime:
        """The time, asked once in a round of the loop: what is equal is made ready for the
        database once."""
        at = self._loop.time()
        if at != self._looked_at:
            self._looked_at, self._clock = at, clock.now()
        return self._clock

    def _message(self, held: Held) -> Message:
        key, back = self._setting.token_key, self._bounce_address
        token = tokens.copy_token(key, held.id)
        unsubscribe = tokens.unsubscribe_token(key, held.id)
        return self._template.fill(
            Copy(
                token=token,
                address=addresses.on_the_wire(held.address, held.address_key),
                name=held.name,
                values=merging.merge_values(held.merge_values),
                date=held.date,
                unsubscribe_url=f"{self._setting.base_url}/u/{unsubscribe}",
                return_path=tokens.return_path(token, back) if back else "",
                links=self._addresses.of(held.id),
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
        soft = [said.recipient_id for said in outcomes if said.status is Status.BOUNCED_SOFT]
        if soft:
            wearying.pause_weary(soft)
        if outcomes:
            pausing.note_success(self._lines.connection_id)
