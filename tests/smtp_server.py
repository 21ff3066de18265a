"""A real SMTP server for the tests, whose every answer can be scripted by the recipient."""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

# what to do at a step: bytes are said, "hang" says nothing, "close" hangs up, another text is said
# before hanging up (as after a 421), None goes on
Action = bytes | str | None
Script = Callable[[str, str], Action]


@dataclass
class Ledger:
    """Every mail that the server took: (recipient, content), in order."""

    mails: list[tuple[str, bytes]] = field(default_factory=list)

    def of(self, address: str) -> list[bytes]:
        return [content for to, content in self.mails if to == address]

    @property
    def addresses(self) -> list[str]:
        return [address for address, _ in self.mails]


class SmtpServer:
    """`with SmtpServer(script) as server:` listens on server.port; `script(step, address)` decides
    at "banner", "ehlo", "mail", "rcpt", "data", "body" (mid-data), "dot", "rset" and "quit". With a
    `tls` context it offers STARTTLS; with CHUNKING among its extensions BDAT (at "dot")."""

    def __init__(
        self,
        script: Script = lambda step, address: None,
        extensions=("PIPELINING",),
        tls: ssl.SSLContext | None = None,
    ):
        self.script = script
        self.extensions = extensions
        self.tls = tls
        self.commands: list[bytes] = []
        self.ledger = Ledger()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> "SmtpServer":
        self._thread.start()
        starting = asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**22)
        self._server = asyncio.run_coroutine_threadsafe(starting, self._loop).result(5)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _stop(self) -> None:
        self._server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError, asyncio.CancelledError, _Close):
            try:
                await self._talk(reader, writer)
            finally:
                writer.close()

    async def _talk(self, reader, writer) -> None:
        sender = address = ""
        await self._say(writer, "banner", "", b"220 test")
        while line := await reader.readline():
            self.commands.append(line.rstrip(b"\r\n"))
            verb = line[:4].upper().strip()
            if verb == b"EHLO":
                lines = ["test", *self.extensions, *(["STARTTLS"] if self.tls else [])]
                body = b"\r\n".join(f"250-{text}".encode() for text in lines[:-1])
                last = f"250 {lines[-1]}".encode()
                await self._say(writer, "ehlo", "", (body + b"\r\n" if body else b"") + last)
            elif verb == b"MAIL":
                sender, address = line[10:].split(b">")[0].decode(), ""
                if not await self._say(writer, "mail", sender, b"250 ok"):
                    sender = ""
            elif verb == b"RCPT" and not sender:
                writer.write(b"503 whose mail?\r\n")
            elif verb == b"RCPT":
                address = line.split(b"<")[1].split(b">")[0].decode()
                if not await self._say(writer, "rcpt", address, b"250 ok"):
                    address = ""
            elif verb == b"DATA":
                await self._data(reader, writer, address)
                address = ""
            elif verb == b"BDAT":
                await self._chunk(reader, writer, int(line.split()[1]), address)
                address = ""
            elif verb == b"RSET":
                address = ""
                await self._say(writer, "rset", "", b"250 ok")
            elif verb == b"STAR":
                writer.write(b"220 go on\r\n")
                await writer.start_tls(self.tls)
            elif verb == b"QUIT":
                await self._say(writer, "quit", "", b"221 bye")
                return
            else:
                writer.write(b"250 ok\r\n")

    async def _data(self, reader, writer, address: str) -> None:
        if not address:
            writer.write(b"503 no recipient\r\n")
            return
        if not await self._say(writer, "data", address, b"354 go on"):
            return
        if self.script("body", address) is not None:
            raise _Close
        content = await reader.readuntil(b"\r\n.\r\n")
        action = self.script("dot", address)
        if action in (None, "hang", "close") or action[:1] in ("2", b"2"):
            self.ledger.mails.append((address, content))
        await self._say(writer, "dot", address, b"250 2.0.0 taken", action)

    async def _chunk(self, reader, writer, size: int, address: str) -> None:
        content = await reader.readexactly(size)
        if not address:
            writer.write(b"503 no recipient\r\n")
            return
        action = self.script("dot", address)
        if action in (None, "hang", "close") or action[:1] in ("2", b"2"):
            self.ledger.mails.append((address, content + b".\r\n"))
        await self._say(writer, "dot", address, b"250 2.0.0 taken", action)

    async def _say(self, writer, step, address, usual: bytes, action: Action = ...) -> bool:
        """Say the usual or what the script says; False when that was a refusal."""
        if action is ...:
            action = self.script(step, address)
        if action == "close":
            raise _Close
        if action == "hang":
            await asyncio.sleep(3600)
        if isinstance(action, str):
            writer.write(action.encode() + b"\r\n")
            await writer.drain()
            raise _Close
        said = usual if action is None else action
        writer.write(said + b"\r\n")
        return said[:1] in b"23"


class _Close(Exception):
    pass
