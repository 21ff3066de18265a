"""The one thread that writes the file, and the mails it stores together."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

from webapp.sandbox import reading
from webapp.sandbox.storage import CAP, Mail, Store

P = ParamSpec("P")
T = TypeVar("T")

_READ_AT_ONCE = 25
_READ_PAUSE_SECONDS = 0.5


class Keeper:
    """The Store behind asyncio. While one commit runs, what comes in waits for the next one: so
    every mail is stored before it is answered for, and thousands a second fit through."""

    def __init__(self, path: Path, cap: int = CAP) -> None:
        self.store = Store(path, cap)
        self._thread = ThreadPoolExecutor(1, "sandbox-store")
        self._waiting: list[tuple[Mail, asyncio.Future[int]]] = []
        self.storing: asyncio.Task | None = None
        self.is_busy = False

    async def do(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call one of the store's methods in its thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, lambda: call(*args, **kwargs))

    async def keep(self, mail: Mail) -> int:
        """Store a mail; its id. It is stored even if nobody waits for the answer any more."""
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append((mail, future))
        if self.storing is None or self.storing.done():
            self.storing = asyncio.create_task(self._store_waiting())
        return await future

    async def read_new(self) -> None:
        """Make new mails searchable, for ever, whenever nothing else is to be stored."""
        while True:
            found = []
            if not self._waiting and not self.is_busy:
                found = await self.do(self.store.unread, _READ_AT_ONCE)
            if found:
                await self.do(self._read, found)
            await asyncio.sleep(0.01 if found else _READ_PAUSE_SECONDS)

    async def close(self) -> None:
        """Store what waits, and close the file."""
        if self.storing:
            with contextlib.suppress(Exception):
                await self.storing
        await self.do(self.store.close)
        self._thread.shutdown()

    async def _store_waiting(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            self.is_busy = True
            try:
                ids = await self.do(self.store.keep, [mail for mail, _ in batch])
            except Exception as error:
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
                continue
            finally:
                self.is_busy = False
            for (_, future), mail_id in zip(batch, ids, strict=True):
                if not future.done():
                    future.set_result(mail_id)

    def _read(self, found: list[sqlite3.Row]) -> None:
        self.store.index(
            [(row["id"], reading.searchable(row["names"], row["raw"])) for row in found]
        )
