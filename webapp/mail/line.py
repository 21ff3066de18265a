"""One line to a mail server: octets out, whole replies in, and a watch over both."""

import asyncio
from collections.abc import Callable, Iterator, Sequence

from webapp.mail.replies import Reply, read_reply

MAX_LINE = 64 * 1024
MAX_LINES = 200


class Broken(Exception):
    """The line broke, or what came was no SMTP; nothing more can be said on it."""


class Line(asyncio.Protocol):
    """The transport's other half. A reply goes to whoever `ask`ed, else all that come together to
    `on_replies`.

    `on_replies(replies)` and `on_break(why)` belong to the conversation; the watch breaks the line
    when nothing came for `patience` seconds while something is `awaited`.
    """

    def __init__(
        self,
        on_replies: Callable[[Sequence[Reply]], None],
        on_break: Callable[[str], None],
    ) -> None:
        self._on_replies = on_replies
        self._on_break = on_break
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._lines: list[bytes] = []
        self._asked: asyncio.Future | None = None
        self._early: list[tuple[Reply, list[bytes]]] = []
        self._heard_at = self._loop.time()
        self._watch: asyncio.TimerHandle | None = None
        self._patience: float | None = None
        self._is_full = False
        self._when_writable: Callable[[], None] | None = None
        self._unsent = 0  # octets not out yet when the watch last looked
        self.broken: str | None = None

    # ---- for the conversation

    @property
    def transport(self) -> asyncio.Transport | None:
        return self._transport

    @property
    def has_unread(self) -> bool:
        """Whether the server said something that nobody asked for."""
        return bool(self._rest or self._lines or self._early)

    def write(self, data: bytes) -> None:
        if self._transport is None or self.broken is not None:
            raise Broken(self.broken or "the line is closed")
        self._transport.write(data)

    def when_writable(self, go_on: Callable[[], None]) -> None:
        """Call `go_on` when what was written is mostly out; now, if it is."""
        if self._is_full:
            self._when_writable = go_on
        else:
            go_on()

    def start_tls(self, transport: asyncio.Transport) -> None:
        """From here on everything goes through `transport`."""
        self._transport = transport

    async def ask(self, line: bytes | None, seconds: float) -> tuple[Reply, list[bytes]]:
        """Say one line (None: nothing) and wait for the reply to it. Raises Broken."""
        if line is not None:
            self.write(line + b"\r\n")
        if self._early:
            return self._early.pop(0)
        if self.broken is not None:
            raise Broken(self.broken)
        self._asked = self._loop.create_future()
        try:
            async with asyncio.timeout(seconds):
                return await self._asked
        except TimeoutError:
            self.fail("no answer")
            raise Broken("no answer") from None
        finally:
            self._asked = None

    def expect(self, patience: float | None) -> None:
        """Break the line when nothing is heard for `patience` seconds from now; None: no watch."""
        self._patience = patience
        self._heard_at = self._loop.time()
        if patience is not None and self._watch is None:
            self._watch = self._loop.call_later(patience, self._look)

    def fail(self, why: str) -> None:
        """Hang up at once; what is not out yet is thrown away."""
        if self.broken is None and self._transport is not None:
            self._transport.abort()
        self._break(why)

    # ---- for the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._heard_at = self._loop.time()
        if self._rest:
            data = self._rest + data
        *lines, self._rest = data.split(b"\n")
        if len(self._rest) > MAX_LINE:
            self.fail("a line without an end")
            return
        if self._asked is None and self._patience is not None:
            self._hear_all(lines)
            return
        for said in self._whole(lines):
            self._hear(said)
            if self.broken is not None:
                return

    def eof_received(self) -> None:
        self._break("the line was closed")

    def connection_lost(self, error: Exception | None) -> None:
        self._break("the line was closed")

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        go_on, self._when_writable = self._when_writable, None
        if go_on is not None and self.broken is None:
            go_on()

    # ----

    def _whole(self, lines: list[bytes]) -> Iterator[list[bytes]]:
        """The replies that are complete now, each as its lines."""
        for line in lines:
            self._lines.append(line)
            if line[3:4] == b"-" and len(self._lines) < MAX_LINES:
                continue
            said, self._lines = self._lines, []
            yield said

    def _hear_all(self, lines: list[bytes]) -> None:
        """Between mails they answer several commands at once."""
        replies = [read_reply(said) for said in self._whole(lines)]
        is_broken = None in replies
        if is_broken:
            del replies[replies.index(None) :]
        if replies:
            self._on_replies(replies)
        if is_broken:
            self.fail("what came was no reply")

    def _hear(self, lines: list[bytes]) -> None:
        reply = read_reply(lines)
        if reply is None:
            self.fail("what came was no reply")
        elif self._asked is not None and not self._asked.done():
            self._asked.set_result((reply, lines))
        elif self._patience is not None:
            self._on_replies([reply])
        else:
            self._early.append((reply, lines))

    def _look(self) -> None:
        self._watch = None
        if self._patience is None or self.broken is not None:
            return
        unsent = self._transport.get_write_buffer_size() if self._transport else 0
        if unsent != self._unsent:  # they take it slowly, but they take it
            self._unsent, self._heard_at = unsent, self._loop.time()
        left = self._heard_at + self._patience - self._loop.time()
        if left <= 0:
            self.fail("no answer")
        else:
            self._watch = self._loop.call_later(left, self._look)

    def _break(self, why: str) -> None:
        if self.broken is not None:
            return
        self.broken = why
        if self._watch is not None:
            self._watch.cancel()
        if self._asked is not None and not self._asked.done():
            self._asked.set_exception(Broken(why))
        self._on_break(why)
