"""One SMTP conversation (RFC 5321): connected, greeted, secured, signed in, and then any number of
mails, each of which is always known to have got so far and no further."""

import asyncio
import base64
import contextlib
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from webapp.mail.line import Broken, Line
from webapp.mail.replies import Reply
from webapp.mail.template import Message
from webapp.mail.transactions import OnResult, Phase, Result, Source, Transactions, way_for

__all__ = ["ConnectError", "Conversation", "Phase", "Result", "Server"]


@dataclass(frozen=True)
class Server:
    """Where and how to connect. `security`: "starttls", "tls" or "none"; seconds for each step."""

    host: str
    port: int
    security: str
    username: str | None = None
    password: str | None = None
    verify: bool = True
    helo: str = "localhost"
    connect_seconds: float = 20
    step_seconds: float = 60
    answer_seconds: float = (
        300  # RFC 5321 4.5.3.2.6 asks for ten minutes; a lease must live so long
    )


class ConnectError(Exception):
    """No conversation could be begun; the text is one sentence. `is_refusal`: they spoke, and
    refused us (credentials, policy); otherwise the server could not be reached."""

    def __init__(self, text: str, *, is_refusal: bool = False) -> None:
        super().__init__(text)
        self.is_refusal = is_refusal


class Conversation:
    """`await open()`, any number of mails, `await close()`.

    `begin(source, on_result, on_idle)` says where mails come from and results go to; `feed()` has
    it take what there is. Or `await deliver(message)` for a single one.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._line: Line | None = None
        self._transactions: Transactions | None = None
        self.extensions: dict[str, str] = {}

    @property
    def is_open(self) -> bool:
        return self._line is not None and self._line.broken is None

    @property
    def is_idle(self) -> bool:
        """Whether no mail is under way on it."""
        return self._transactions is None or self._transactions.is_idle

    async def open(self) -> None:
        """Connect, greet, secure, sign in. Raises ConnectError."""
        server = self._server
        where = f"{server.host}:{server.port}"
        self._transactions = None
        try:
            await self._connect(where)
            await self._hello()
            if server.security == "starttls":
                await self._start_tls(where)
                await self._hello()
            if server.username:
                await self._sign_in(where)
        except Broken as error:
            self._drop()
            raise ConnectError(f"{where} stopped talking to us: {error}.") from None
        except BaseException:
            self._drop()
            raise

    def begin(self, source: Source, on_result: OnResult, on_idle: Callable[[], None]) -> None:
        """Take mails from `source`; what became of each goes to `on_result`, and `on_idle` is
        called whenever nothing is under way any more, a broken line included."""
        assert self._line is not None
        self._transactions = way_for(self.extensions)(
            self._line,
            self.extensions,
            source=source,
            on_result=on_result,
            on_idle=on_idle,
            step_seconds=self._server.step_seconds,
            answer_seconds=self._server.answer_seconds,
        )

    def feed(self) -> None:
        """Look whether the source has something (again)."""
        if self.is_open and self._transactions is not None:
            self._transactions.feed()

    async def deliver(self, message: Message) -> Result:
        """Hand one message over. Never raises: a broken line is a Result too."""
        waiting, idle = [(None, message)], asyncio.Event()
        results: list[Result] = []
        self.begin(
            lambda: waiting.pop() if waiting else None,
            lambda key, result: results.append(result or Result(Phase.CONNECT, None)),
            idle.set,
        )
        self.feed()
        if not self.is_idle:
            await idle.wait()
        return results[0] if results else Result(Phase.CONNECT, None)

    async def close(self) -> None:
        """Say QUIT and hang up."""
        if self._line is None:
            return
        with contextlib.suppress(Broken, asyncio.CancelledError):
            await self._say(b"QUIT", 3)
        self._drop()

    def hang_up(self, why: str) -> None:
        """End it at once: mails under way get what can be said of them now."""
        if self._line is not None:
            self._line.fail(why)

    # ---- beginning

    async def _connect(self, where: str) -> None:
        server = self._server
        context = _tls_context(server.verify) if server.security == "tls" else None
        loop = asyncio.get_running_loop()
        self._line = Line(self._hear, self._broke)
        try:
            async with asyncio.timeout(server.connect_seconds):
                await loop.create_connection(
                    lambda: self._line,
                    server.host,
                    server.port,
                    ssl=context,
                    server_hostname=server.host if context else None,
                )
        except ssl.SSLError as error:
            raise ConnectError(f"No secure connection to {where}: {error.reason}.") from None
        except TimeoutError:
            raise ConnectError(
                f"{where} did not answer within {server.connect_seconds:.0f} s."
            ) from None
        except OSError as error:
            reason = error.strerror or str(error)
            raise ConnectError(f"{where} cannot be reached: {reason}.") from None
        greeting, _ = await self._line.ask(None, server.connect_seconds)
        if greeting.code != 220:
            raise ConnectError(
                f"{where} greeted us with: {greeting}", is_refusal=greeting.code >= 500
            )

    async def _hello(self) -> None:
        reply, lines = await self._say_lines(b"EHLO " + self._server.helo.encode("idna"))
        if reply.code != 250:
            reply = await self._say(b"HELO " + self._server.helo.encode("idna"))
            if reply.code != 250:
                raise ConnectError(f"The server refused our greeting: {reply}", is_refusal=True)
            lines = []
        self.extensions = {}
        for line in lines[1:]:
            name, _, values = line[4:].decode("ascii", "replace").strip().partition(" ")
            self.extensions[name.upper()] = values

    async def _start_tls(self, where: str) -> None:
        if "STARTTLS" not in self.extensions:
            raise ConnectError(
                f"{where} does not offer STARTTLS. Choose TLS, or no encryption for a server on"
                " your own network.",
                is_refusal=True,
            )
        reply = await self._say(b"STARTTLS")
        if reply.code != 220:
            raise ConnectError(f"{where} refused STARTTLS: {reply}", is_refusal=True)
        if self._line.has_unread:  # RFC 3207 4.2: what was said before is not trusted
            raise ConnectError(f"{where} spoke before the encryption began.", is_refusal=True)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._server.step_seconds):
                transport = await loop.start_tls(
                    self._line.transport,
                    self._line,
                    _tls_context(self._server.verify),
                    server_hostname=self._server.host,
                )
        except ssl.SSLError as error:
            raise ConnectError(f"No secure connection to {where}: {error.reason}.") from None
        except (OSError, TimeoutError):
            raise ConnectError(f"No secure connection to {where}.") from None
        if transport is None:
            raise ConnectError(f"No secure connection to {where}.")
        self._line.start_tls(transport)

    async def _sign_in(self, where: str) -> None:
        """AUTH PLAIN (RFC 4616), else LOGIN."""
        username, password = self._server.username, self._server.password or ""
        methods = self.extensions.get("AUTH", "").upper().split()
        if "PLAIN" in methods or not methods:
            secret = base64.b64encode(f"\0{username}\0{password}".encode())
            reply = await self._say(b"AUTH PLAIN " + secret)
        else:
            reply = await self._say(b"AUTH LOGIN")
            for text in (username, password):
                if reply.code == 334:
                    reply = await self._say(base64.b64encode(text.encode()))
        if reply.code != 235:
            raise ConnectError(
                f"{where} refused our user name or password: {reply}", is_refusal=True
            )

    # ----

    async def _say(self, line: bytes, seconds: float | None = None) -> Reply:
        reply, _ = await self._say_lines(line, seconds)
        return reply

    async def _say_lines(self, line: bytes, seconds: float | None = None) -> tuple[Reply, list]:
        if self._line is None:
            raise Broken("the line is closed")
        return await self._line.ask(line, seconds or self._server.step_seconds)

    def _hear(self, replies: Sequence[Reply]) -> None:
        if self._transactions is not None:
            self._transactions.hear(replies)

    def _broke(self, why: str) -> None:
        if self._transactions is not None:
            self._transactions.broke()

    def _drop(self) -> None:
        if self._line is not None:
            self._line.fail("closed by us")
        self._line = None


@lru_cache(maxsize=2)
def _tls_context(verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
