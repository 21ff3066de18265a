"""One SMTP conversation (RFC 5321), driven step by step, so that it is always known how far a
mail got: only after its final dot may a silent server have taken it."""

import asyncio
import base64
import contextlib
import ssl
from dataclasses import dataclass
from enum import StrEnum

from webapp.mail.replies import Reply, read_reply
from webapp.mail.template import Message

MAX_LINE = 64 * 1024
MAX_LINES = 200


class Phase(StrEnum):
    """How far a try got. From BODY_SENT on, the mail may have been taken."""

    CONNECT = "connect"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY_SENT = "body_sent"
    ANSWERED = "answered"


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


@dataclass(frozen=True)
class Result:
    """What became of one message: `reply` None where the line broke before an answer."""

    phase: Phase
    reply: Reply | None

    @property
    def is_ambiguous(self) -> bool:
        return self.phase is Phase.BODY_SENT and self.reply is None


class ConnectError(Exception):
    """No conversation could be begun; the text is one sentence. `is_refusal`: they spoke, and
    refused us (credentials, policy); otherwise the server could not be reached."""

    def __init__(self, text: str, *, is_refusal: bool = False) -> None:
        super().__init__(text)
        self.is_refusal = is_refusal


class Broken(Exception):
    """The line broke, or what came was no SMTP; nothing more can be said on it."""


class Conversation:
    """`await open()`, any number of `await deliver(message)`, `await close()`."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self.extensions: dict[str, str] = {}
        self._needs_reset = False

    @property
    def is_open(self) -> bool:
        return self._writer is not None

    async def open(self) -> None:
        """Connect, greet, secure, sign in. Raises ConnectError."""
        server = self._server
        where = f"{server.host}:{server.port}"
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
        except ConnectError:
            self._drop()
            raise

    async def deliver(self, message: Message) -> Result:
        """Hand one message over. Never raises: a broken line is a Result too."""
        try:
            return await self._deliver(message)
        except Broken:
            phase = self._phase
            self._drop()
            return Result(phase, None)

    async def close(self) -> None:
        """Say QUIT and hang up."""
        if self._writer is None:
            return
        with contextlib.suppress(Broken, asyncio.CancelledError):
            await self._say(b"QUIT", 3)
        self._drop()

    # ---- beginning

    async def _connect(self, where: str) -> None:
        server = self._server
        context = _tls_context(server.verify) if server.security == "tls" else None
        try:
            async with asyncio.timeout(server.connect_seconds):
                self._reader, self._writer = await asyncio.open_connection(
                    server.host,
                    server.port,
                    ssl=context,
                    limit=MAX_LINE,
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
        greeting = await self._answer(server.connect_seconds)
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
        if self._reader._buffer:  # RFC 3207 4.2: what was said before is not trusted
            raise ConnectError(f"{where} spoke before the encryption began.", is_refusal=True)
        try:
            async with asyncio.timeout(self._server.step_seconds):
                await self._writer.start_tls(
                    _tls_context(self._server.verify), server_hostname=self._server.host
                )
        except ssl.SSLError as error:
            raise ConnectError(f"No secure connection to {where}: {error.reason}.") from None
        except (OSError, TimeoutError):
            raise ConnectError(f"No secure connection to {where}.") from None

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

    # ---- one message

    async def _deliver(self, message: Message) -> Result:
        self._phase = Phase.MAIL
        if self._needs_reset:
            self._needs_reset = False
            await self._say(b"RSET")
        if problem := self._unfit(message):
            return Result(Phase.ANSWERED, problem)
        envelope = self._envelope(message)
        pipelined = "PIPELINING" in self.extensions
        if pipelined:
            self._write(b"\r\n".join((*envelope, b"DATA")) + b"\r\n")

        for phase, command in zip((Phase.MAIL, Phase.RCPT), envelope, strict=True):
            self._phase = phase
            reply = await (self._answer() if pipelined else self._say(command))
            if reply.code >= 300:
                return await self._refused(phase, reply, pipelined)

        self._phase = Phase.DATA
        reply = await (self._answer() if pipelined else self._say(b"DATA"))
        if reply.code != 354:
            self._needs_reset = True
            return Result(Phase.DATA, reply)
        return await self._body(message)

    async def _body(self, message: Message) -> Result:
        self._write(message.content)
        await self._drain()
        await asyncio.sleep(0)  # a close that has come in by now is seen before the dot is sent
        if self._reader.at_eof():
            raise Broken("the line was closed")
        self._phase = Phase.BODY_SENT
        self._write(b".\r\n")
        reply = await self._answer(self._server.answer_seconds)
        if reply.code == 421:
            self._drop()
        return Result(Phase.ANSWERED, reply)

    async def _refused(self, phase: Phase, reply: Reply, pipelined: bool) -> Result:
        """MAIL or RCPT was refused; with pipelining the answers to what was sent with it follow."""
        self._needs_reset = True
        if reply.code == 421:
            self._drop()
            return Result(phase, reply)
        if pipelined:
            self._phase = phase
            try:
                if phase is Phase.MAIL:
                    await self._answer()
                if (await self._answer()).code == 354:  # RFC 2920 3.1: nobody to send to, end it
                    await self._say(b".")
            except Broken:
                self._drop()
        return Result(phase, reply)

    def _unfit(self, message: Message) -> Reply | None:
        """Why this server cannot take this message at all, in the words of a reply of our own."""
        if message.needs_smtputf8 and "SMTPUTF8" not in self.extensions:
            return Reply(553, "5.6.7 The mail server does not support addresses with these letters")
        limit = self.extensions.get("SIZE", "")
        if limit.isdigit() and 0 < int(limit) < len(message.content):
            return Reply(552, f"5.3.4 The mail is larger than the server takes ({limit} octets)")
        return None

    def _envelope(self, message: Message) -> tuple[bytes, bytes]:
        options = b""
        if "SIZE" in self.extensions:
            options += b" SIZE=%d" % len(message.content)
        if message.needs_smtputf8:
            options += b" SMTPUTF8"
        sender = f"MAIL FROM:<{message.sender}>".encode()
        return sender + options, f"RCPT TO:<{message.address}>".encode()

    # ---- lines

    async def _say(self, line: bytes, seconds: float | None = None) -> Reply:
        reply, _ = await self._say_lines(line, seconds)
        return reply

    async def _say_lines(self, line: bytes, seconds: float | None = None) -> tuple[Reply, list]:
        self._write(line + b"\r\n")
        return await self._answer_lines(seconds)

    def _write(self, data: bytes) -> None:
        if self._writer is None or self._writer.is_closing():
            raise Broken("the line is closed")
        self._writer.write(data)

    async def _drain(self) -> None:
        try:
            async with asyncio.timeout(self._server.step_seconds):
                await self._writer.drain()
        except (OSError, TimeoutError):
            raise Broken("the line broke while sending") from None

    async def _answer(self, seconds: float | None = None) -> Reply:
        reply, _ = await self._answer_lines(seconds)
        return reply

    async def _answer_lines(self, seconds: float | None = None) -> tuple[Reply, list[bytes]]:
        lines: list[bytes] = []
        try:
            async with asyncio.timeout(seconds or self._server.step_seconds):
                while len(lines) < MAX_LINES:
                    line = await self._reader.readline()
                    if not line.endswith(b"\n"):
                        raise Broken("the line was closed")
                    lines.append(line)
                    if line[3:4] != b"-":
                        break
        except (OSError, TimeoutError, ValueError):
            raise Broken("no answer") from None
        reply = read_reply(lines)
        if reply is None and lines[-1].strip()[:3] == b"354":
            reply = Reply(354, "")
        if reply is None:
            raise Broken("what came was no reply")
        return reply, lines

    def _drop(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer = self._reader = None
        self._needs_reset = False


def _tls_context(verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
