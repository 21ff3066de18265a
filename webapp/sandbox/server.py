"""The SMTP server: takes every mail, and answers as its recipient's tag says.

Whoever signs in does it with a Connection's hook token and hook secret. Nobody can tell here
whether they are right: the hook does, when the reports come. Without signing in only instance mail
(invitations, resets) is taken.
"""

import asyncio
import random
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable

import structlog
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from webapp.mail import replies
from webapp.sandbox import outcomes, reading
from webapp.sandbox.keeping import Keeper
from webapp.sandbox.outcomes import Manner, Outcome
from webapp.sandbox.storage import Mail

log = structlog.get_logger()

MAX_SIZE = 40 * 1024 * 1024
_SIGN_IN_FIRST = "530 5.7.0 Authentication required: the user is the Connection's hook token"
_USER = re.compile(r"[A-Za-z0-9._~-]{8,64}")


class Conversation(SMTP):
    """aiosmtpd's, which hangs up after a 421 and reads long lines in one piece."""

    line_length_limit = 64 * 1024

    async def push(self, status: str | bytes) -> None:
        await super().push(status)
        if status[:3] in ("421", b"421"):
            self._handler_coroutine.cancel()
            self.transport.close()

    def hang_up(self) -> None:
        if self.transport is not None:
            self.transport.close()


def make_conversation(handler: "Handler", loop: asyncio.AbstractEventLoop) -> Conversation:
    return Conversation(
        handler,
        hostname="sandbox.localhost",
        ident="Sandbox ESMTP",
        data_size_limit=MAX_SIZE,
        enable_SMTPUTF8=True,
        auth_require_tls=False,
        authenticator=handler.authenticate,
        loop=loop,
    )


class Handler:
    """What aiosmtpd calls at each step. `report_now(mail id)` posts what is due about a mail."""

    def __init__(
        self,
        keeper: Keeper,
        report_now: Callable[[int], Awaitable[None]],
        manner: Manner,
        dice: random.Random,
    ) -> None:
        self._keeper = keeper
        self._report_now = report_now
        self._manner = manner
        self._dice = dice
        self._refused: Counter[tuple[str, str]] = Counter()
        self._known: dict[str, str] = {}

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        if not isinstance(data, LoginPassword) or not data.password:
            return AuthResult(success=False, handled=False)
        login = data.login.decode("utf-8", "replace")
        if not _USER.fullmatch(login):
            return AuthResult(success=False, handled=False)
        session.sandbox_secret = data.password.decode("utf-8", "replace")
        return AuthResult(success=True, auth_data=login)

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list
    ) -> list[str]:
        session.host_name = hostname
        return [responses[0], "250-PIPELINING", "250-ENHANCEDSTATUSCODES", *responses[1:]]

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list
    ) -> str:
        outcome = self._outcome(session, address)
        key = (session.auth_data or "", address)
        if self._refused[key] < outcome.refusals:
            if outcome.refusals < outcomes.ALWAYS:
                self._refused[key] += 1
            return outcomes.choose(outcome.replies, address)
        del self._refused[key]
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient ok"

    async def handle_DATA(self, server: Conversation, session: Session, envelope: Envelope) -> str:
        head = reading.headline(envelope.content)
        if head.token and not session.authenticated:
            return _SIGN_IN_FIRST
        await self._know(session)
        is_hanging, queued = False, 0
        for address in envelope.rcpt_tos:
            outcome = self._outcome(session, address)
            hangs = outcome.hangs and not await self._is_known(session, address, head)
            is_hanging |= hangs
            mail = self._mail(session, envelope, address, outcome, head, hangs)
            queued = await self._keeper.keep(mail)
            if mail.reports and mail.reports[0].due_at <= mail.received_at:
                await self._report_now(queued)
        if is_hanging:
            await asyncio.sleep(self._manner.hang_seconds)
            server.hang_up()
        return f"250 2.0.0 Ok: queued as {queued:X}"

    async def handle_exception(self, error: Exception) -> str:
        log.error("sandbox_smtp_failed", error=repr(error))
        return "451 4.3.0 The sandbox has a problem of its own"

    def _outcome(self, session: Session, address: str) -> Outcome:
        return outcomes.find(address) if session.authenticated else outcomes.KEPT

    def _mail(
        self,
        session: Session,
        envelope: Envelope,
        address: str,
        outcome: Outcome,
        head: reading.Headline,
        hangs: bool,
    ) -> Mail:
        now, manner = time.time(), self._manner
        began = now + manner.hang_seconds if hangs else now
        reports = outcomes.plan(outcome, address, began, manner, self._dice)
        if reports and not hangs and self._dice.random() < manner.early:
            reports[0] = outcomes.at_once(reports[0], now)
        again = [place for place in range(len(reports)) if self._dice.random() < manner.twice]
        return Mail(
            hook_token=session.auth_data or "",
            received_at=now,
            sender=_clean(envelope.mail_from),
            address=_clean(address),
            subject=head.subject,
            token=head.token,
            message_id=head.message_id,
            outcome=outcome.name,
            raw=envelope.content,
            reports=reports,
            again=frozenset(again),
        )

    async def _is_known(self, session: Session, address: str, head: reading.Headline) -> bool:
        """Whether this very mail was handed in before (and hung)."""
        store = self._keeper.store
        return await self._keeper.do(
            store.has_kept, session.auth_data or "", _clean(address), head.message_id
        )

    async def _know(self, session: Session) -> None:
        if not session.authenticated:
            return
        if self._known.get(session.auth_data) != session.sandbox_secret:
            store = self._keeper.store
            await self._keeper.do(store.know, session.auth_data, session.sandbox_secret)
            self._known[session.auth_data] = session.sandbox_secret


def _clean(address: str | None) -> str:
    return replies.clean_text(address or "", 320)
