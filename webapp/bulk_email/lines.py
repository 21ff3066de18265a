"""The conversations of one worker with one Connection's relay, shared by the emails it serves in
turn."""

import asyncio
from collections.abc import Callable

from webapp.delivery import budgeting
from webapp.delivery.models import Connection
from webapp.mail.conversation import ConnectError, Conversation, Server

MOST = 10  # for one worker; more than that and its one core is the limit
REST_SECONDS = 1.0  # after a conversation could not be opened while others could


class Lines:
    """`take_seats()` at the beginning of a turn, `open()`, `mend()` now and then, `close()`."""

    def __init__(self, connection: Connection, server: Server, owner: str, seconds: float) -> None:
        self.connection_id = connection.id
        self._wanted = max(1, min(connection.max_connections, MOST))
        self._server = server
        self._owner = owner
        self._lease_seconds = seconds
        self._conversations: list[Conversation] = []
        self._mending: set[asyncio.Task] = set()
        self._rest_until = 0.0

    @property
    def open_ones(self) -> list[Conversation]:
        return [talk for talk in self._conversations if talk.is_open]

    @property
    def width(self) -> int:
        return len(self._conversations)

    async def take_seats(self) -> int:
        """How many conversations we may hold now; other workers have the rest. Commits."""
        seats = budgeting.take_seats(
            self.connection_id, self._owner, self._wanted, self._lease_seconds
        )
        while len(self._conversations) > seats:
            await self._conversations.pop().close()
        while len(self._conversations) < seats:
            self._conversations.append(Conversation(self._server))
        return seats

    async def open(self) -> ConnectError | None:
        """Open what is closed, where none is open; the error when not even one would."""
        if self.open_ones:
            return None
        errors = await asyncio.gather(*(self._open(talk) for talk in self._conversations))
        return None if None in errors else errors[0]

    def mend(self, on_open: Callable[[Conversation], None]) -> None:
        """Open what was closed meanwhile, while the others go on."""
        loop = asyncio.get_running_loop()
        if self._mending or loop.time() < self._rest_until:
            return
        for talk in self._conversations:
            if not talk.is_open:
                task = loop.create_task(self._open_again(talk, on_open))
                self._mending.add(task)
                task.add_done_callback(self._mending.discard)

    async def settle(self) -> None:
        """Nothing is being opened any more."""
        await asyncio.gather(*self._mending, return_exceptions=True)

    async def close(self) -> None:
        """Hang up politely and leave the seats. Commits."""
        for task in self._mending:
            task.cancel()
        await self.settle()
        await asyncio.gather(*(talk.close() for talk in self._conversations))
        budgeting.leave_seats(self.connection_id, self._owner)

    async def _open(self, talk: Conversation) -> ConnectError | None:
        try:
            await talk.open()
        except ConnectError as error:
            return error
        return None

    async def _open_again(
        self, talk: Conversation, on_open: Callable[[Conversation], None]
    ) -> None:
        if await self._open(talk) is not None:
            self._rest_until = asyncio.get_running_loop().time() + REST_SECONDS
            return
        on_open(talk)
