"""A line with a round trip of its own: `delay.py LISTEN_PORT TARGET_PORT MILLISECONDS`.

Every byte waits half the round trip each way in a delay line; nothing else holds it up.
"""

import asyncio
import sys
from collections import deque

import uvloop


class End(asyncio.Protocol):
    """One end; what comes in here goes out at `other` a while later."""

    def __init__(self, delay: float) -> None:
        self.delay = delay
        self.other: End | None = None
        self.transport: asyncio.Transport | None = None
        self._line: deque[tuple[float, bytes | None]] = deque()
        self._loop = asyncio.get_running_loop()
        self._is_waiting = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._enter(data)

    def connection_lost(self, error: Exception | None) -> None:
        self._enter(None)

    def _enter(self, item: bytes | None) -> None:
        self._line.append((self._loop.time() + self.delay, item))
        if not self._is_waiting:
            self._is_waiting = True
            self._loop.call_later(self.delay, self._leave)

    def _leave(self) -> None:
        now = self._loop.time() + 0.0005
        ready = []
        while self._line and self._line[0][0] <= now:
            ready.append(self._line.popleft()[1])
        out = self.other.transport if self.other else None
        if out and not out.is_closing():
            out.write(b"".join(item for item in ready if item is not None))
            if None in ready:
                out.close()
        self._is_waiting = bool(self._line)
        if self._line:
            self._loop.call_later(max(0, self._line[0][0] - self._loop.time()), self._leave)


class Entrance(End):
    """The end that clients connect to; it connects on."""

    def __init__(self, delay: float, port: int) -> None:
        super().__init__(delay)
        self._port = port

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._connecting = self._loop.create_task(self._connect())

    async def _connect(self) -> None:
        exit_ = End(self.delay)
        exit_.other = self
        await self._loop.create_connection(lambda: exit_, "127.0.0.1", self._port)
        self.other = exit_


async def main(listen_port: int, target_port: int, milliseconds: float) -> None:
    loop, delay = asyncio.get_running_loop(), milliseconds / 2000
    server = await loop.create_server(
        lambda: Entrance(delay, target_port), "127.0.0.1", listen_port, backlog=1024
    )
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
