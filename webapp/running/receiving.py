"""The bounce receiver as a process: mail servers hand in what comes back, by SMTP or LMTP.

A mail is thanked for after its commit. Nothing is taken for addresses that are not ours, so it
relays nothing and answers nobody's guesses but with 550.
"""

import asyncio
import functools
import logging
import signal
import socket
import threading
from collections.abc import Callable

import structlog
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from webapp import queue
from webapp.delivery import returning
from webapp.email_tracker import jobs, taking_in
from webapp.extensions import db, reading

log = structlog.get_logger()

MAX_SIZE = 40 * 1024 * 1024
_LOOK_SECONDS = 0.1
_NOT_OURS = "550 5.1.1 No mail is expected at this address"
_TRY_LATER = "451 4.3.0 Not stored, please try again later"


def serve(
    app: Flask,
    listening: socket.socket,
    *,
    is_lmtp: bool,
    should_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Take mails on `listening` until `should_stop()`, SIGTERM or SIGINT."""
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # aiosmtpd's; ours says enough
    asyncio.run(_serve(app, listening, LMTP if is_lmtp else SMTP, should_stop))


async def _serve(
    app: Flask, listening: socket.socket, kind: type[SMTP], should_stop: Callable[[], bool]
) -> None:
    loop, asked = asyncio.get_running_loop(), asyncio.Event()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, asked.set)
    make = functools.partial(
        kind,
        Handler(app),
        hostname="bounces",
        ident="Bounces",
        data_size_limit=MAX_SIZE,
        enable_SMTPUTF8=True,
        loop=loop,
    )
    server = await loop.create_server(make, sock=listening)
    while not asked.is_set() and not should_stop():
        await asyncio.sleep(_LOOK_SECONDS)
    server.close()


class Handler:
    """What aiosmtpd calls at each step; the database is asked in a thread, one at a time."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._one_at_a_time = asyncio.Lock()

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = await self._ask(self._is_ours, address)
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        raw = envelope.original_content or b""
        answers = [await self._ask(self._store, address, raw) for address in envelope.rcpt_tos]
        if isinstance(server, LMTP):  # an answer for each recipient (RFC 2033 4.2)
            return "\r\n".join(answers)
        return next((answer for answer in answers if not answer.startswith("250")), answers[0])

    async def _ask(self, question: Callable[..., str], *what: object) -> str:
        async with self._one_at_a_time:
            return await asyncio.to_thread(self._in_context, question, *what)

    def _in_context(self, question: Callable[..., str], *what: object) -> str:
        with self._app.app_context():
            try:
                return question(*what)
            except SQLAlchemyError:
                log.exception("bounce_not_stored")
                return _TRY_LATER
            finally:
                db.session.remove()

    def _is_ours(self, address: str) -> str:
        with reading():
            found = returning.connection_of(address, self._app.config["TOKEN_KEY"])
            return "250 2.1.5 Ok" if found else _NOT_OURS

    def _store(self, address: str, raw: bytes) -> str:
        connection = returning.connection_of(address, self._app.config["TOKEN_KEY"])
        if connection is None:
            return _NOT_OURS
        taking_in.take_in(connection, raw, address)
        queue.wake(jobs.digest)
        return "250 2.0.0 Stored"
