"""Mail transactions on an open line (RFC 5321 3.3), in the three ways that servers allow.

LockStep waits for every reply. Pipelined sends `end of mail n . MAIL RCPT DATA` of the next in one
write (RFC 2920). Chunked sends whole mails ahead, up to a window (BDAT, RFC 3030). In all of them
every reply is tied to its mail, and it is always known how far each got: only a mail whose last
octet was handed over may have been taken by a server that then fell silent.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from webapp.mail.line import Broken, Line
from webapp.mail.replies import Reply
from webapp.mail.template import Message

WINDOW_MAILS = 32
WINDOW_OCTETS = 512 * 1024


class Phase(StrEnum):
    """How far a try got. From BODY_SENT on, the mail may have been taken."""

    CONNECT = "connect"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY_SENT = "body_sent"
    ANSWERED = "answered"


class Result(NamedTuple):
    """What became of one message: `reply` None where the line broke before an answer."""

    phase: Phase
    reply: Reply | None

    @property
    def is_ambiguous(self) -> bool:
        return self.phase is Phase.BODY_SENT and self.reply is None


Key = Any
Source = Callable[[], "tuple[Key, Message] | None"]
# the Result, or None where nothing of the mail went out: as if it had never been taken
OnResult = Callable[[Key, "Result | None"], None]


@dataclass(slots=True, eq=False)
class _Mail:
    """One mail on its way."""

    key: Key
    message: Message
    phase: Phase = Phase.MAIL
    refusal: Result | None = None


_Step = Callable[[_Mail | None, Reply], None]


class Transactions:
    """The mails on one line. `feed()` takes from `source` while there is room."""

    def __init__(
        self,
        line: Line,
        extensions: Mapping[str, str],
        *,
        source: Source,
        on_result: OnResult,
        on_idle: Callable[[], None],
        step_seconds: float,
        answer_seconds: float,
    ) -> None:
        self._line = line
        size = extensions.get("SIZE", "")
        self._limit = int(size) if size.isdigit() else 0
        self._has_size = "SIZE" in extensions
        self._has_8bitmime = "8BITMIME" in extensions
        self._has_smtputf8 = "SMTPUTF8" in extensions
        self._has_dsn = "DSN" in extensions
        self._source = source
        self._on_result = on_result
        self._on_idle = on_idle
        self._step_seconds = step_seconds
        self._answer_seconds = answer_seconds
        self._expected: deque[tuple[_Step, _Mail | None]] = deque()
        self._under_way: deque[_Mail] = deque()
        self._is_closing = False
        self._is_dismissed = False  # a RSET was refused, and nothing has come since
        self._has_settled = False

    @property
    def is_idle(self) -> bool:
        return not self._expected and not self._under_way

    def feed(self) -> None:
        """Begin what can be begun."""
        raise NotImplementedError

    def hear(self, replies: Sequence[Reply]) -> None:
        """The next replies have come."""
        try:
            for reply in replies:
                if not self._expected:  # as a rule a 421: they are closing
                    self._line.fail(f"the server said {reply}")
                    return
                if reply.code == 421:  # nothing after it is done (RFC 5321 3.8)
                    self._is_closing = True
                self._is_dismissed = False
                step, mail = self._expected.popleft()
                step(mail, reply)
                if self._is_closing:
                    self._line.fail(f"the server said {reply}")
                    return
            self._wait()
        except Broken:
            return  # `broke` has settled everything
        if self.is_idle:
            self._on_idle()

    def broke(self) -> None:
        """The line is gone: every mail under way gets what can be said of it."""
        is_unheard = self._is_closing or self._is_dismissed
        under_way, self._under_way = self._under_way, deque()
        self._expected.clear()
        for position, mail in enumerate(under_way):
            if mail.refusal is not None:
                self._on_result(mail.key, mail.refusal)
            elif is_unheard or (position and mail.phase is not Phase.BODY_SENT):
                self._on_result(mail.key, None)
            else:
                self._on_result(mail.key, Result(mail.phase, None))
        self._on_idle()

    # ---- for the three ways

    def _take(self) -> _Mail | None:
        """The next mail that this server can take at all."""
        while not self._is_closing and (taken := self._source()) is not None:
            key, message = taken
            if problem := self._unfit(message):
                self._on_result(key, Result(Phase.ANSWERED, problem))
                continue
            mail = _Mail(key, message)
            self._under_way.append(mail)
            return mail
        return None

    def _settle(self, mail: _Mail, result: Result) -> None:
        self._has_settled = True
        if self._under_way[0] is mail:  # nearly always
            self._under_way.popleft()
        else:
            self._under_way.remove(mail)
        self._on_result(mail.key, result)

    def _expect(self, *steps: _Step, mail: _Mail | None) -> None:
        self._expected.extend([(step, mail) for step in steps])

    def _wait(self) -> None:
        if not self._expected:
            self._line.expect(None)
            return
        is_answer = self._under_way and self._under_way[0].phase is Phase.BODY_SENT
        self._line.expect(self._answer_seconds if is_answer else self._step_seconds)

    def _hear_mail(self, mail: _Mail, reply: Reply) -> None:
        if reply.code >= 300:
            mail.refusal = Result(Phase.MAIL, reply)
        elif mail.phase is Phase.MAIL:
            mail.phase = Phase.RCPT

    def _hear_rcpt(self, mail: _Mail, reply: Reply) -> None:
        if mail.refusal is not None:
            return
        if reply.code >= 300:
            mail.refusal = Result(Phase.RCPT, reply)
        elif mail.phase is Phase.RCPT:
            mail.phase = Phase.DATA

    def _hear_end(self, mail: _Mail, reply: Reply) -> None:
        self._settle(mail, mail.refusal or Result(Phase.ANSWERED, reply))

    def _ignore(self, mail: None, reply: Reply) -> None:
        """To the end of a text that had no recipient."""

    def _hear_reset(self, mail: _Mail | None, reply: Reply) -> None:
        """Exim counts RSETs after refusals, refuses the eleventh and hangs up: what was written
        after it was never looked at. Where that is all a server ever says, it is no reason to
        come again for ever."""
        self._is_dismissed = reply.code >= 400 and self._has_settled

    def _unfit(self, message: Message) -> Reply | None:
        """Why this server cannot take this message at all, in the words of a reply of our own."""
        if not self._has_smtputf8 and message.needs_smtputf8:
            return Reply(553, "5.6.7 The mail server does not support addresses with these letters")
        if 0 < self._limit < len(message.content):
            return Reply(
                552, f"5.3.4 The mail is larger than the server takes ({self._limit} octets)"
            )
        return None

    def _envelope(self, message: Message) -> tuple[bytes, bytes]:
        """The MAIL and RCPT lines; parameters only where the server offers them."""
        mail, rcpt = b"", b""
        if self._has_size:
            mail = b" SIZE=%d" % len(message.content)
        if message.needs_smtputf8:
            mail += b" BODY=8BITMIME SMTPUTF8" if self._has_8bitmime else b" SMTPUTF8"
        if self._has_dsn and message.envelope_id:
            mail += b" RET=HDRS ENVID=" + message.envelope_id.encode()
            rcpt = b" NOTIFY=SUCCESS,FAILURE,DELAY"
        return (
            b"MAIL FROM:<%b>%b\r\n" % (message.sender.encode(), mail),
            b"RCPT TO:<%b>%b\r\n" % (message.address.encode(), rcpt),
        )


class LockStep(Transactions):
    """For servers without PIPELINING."""

    def feed(self) -> None:
        if self.is_idle and (mail := self._take()) is not None:
            self._begin(mail)
            self._wait()

    def _begin(self, mail: _Mail) -> None:
        self._line.write(self._envelope(mail.message)[0])
        self._expect(self._after_mail, mail=mail)

    def _after_mail(self, mail: _Mail, reply: Reply) -> None:
        self._hear_mail(mail, reply)
        if mail.refusal is not None:
            self._refuse(mail)
            return
        self._line.write(self._envelope(mail.message)[1])
        self._expect(self._after_rcpt, mail=mail)

    def _after_rcpt(self, mail: _Mail, reply: Reply) -> None:
        self._hear_rcpt(mail, reply)
        if mail.refusal is not None:
            self._refuse(mail)
            return
        self._line.write(b"DATA\r\n")
        self._expect(self._after_data, mail=mail)

    def _after_data(self, mail: _Mail, reply: Reply) -> None:
        if reply.code != 354:
            mail.refusal = Result(Phase.DATA, reply)
            self._refuse(mail)
            return
        self._line.write(mail.message.content)
        self._line.when_writable(lambda: self._end(mail))

    def _end(self, mail: _Mail) -> None:
        self._line.write(b".\r\n")
        mail.phase = Phase.BODY_SENT
        self._expect(self._after_end, mail=mail)
        self._wait()

    def _after_end(self, mail: _Mail, reply: Reply) -> None:
        self._hear_end(mail, reply)
        self.feed()

    def _refuse(self, mail: _Mail) -> None:
        assert mail.refusal is not None
        self._settle(mail, mail.refusal)
        if not self._is_closing:
            self._line.write(b"RSET\r\n")
            self._expect(self._after_reset, mail=None)

    def _after_reset(self, mail: None, reply: Reply) -> None:
        self._hear_reset(mail, reply)
        self.feed()


class Pipelined(Transactions):
    """The text of one mail and the envelope of the next in one write."""

    def hear(self, replies: Sequence[Reply]) -> None:
        """Nearly always they have taken the last text, and want the one whose envelope came with
        it: as the steps would do it, without them."""
        if len(replies) != 4 or len(self._expected) != 4 or len(self._under_way) != 2:
            super().hear(replies)
            return
        last, mail = self._under_way
        end, *envelope, data = replies
        is_usual = last.phase is Phase.BODY_SENT and mail.phase is Phase.MAIL
        is_usual = is_usual and end.code != 421 and last.refusal is None and data.code == 354
        if not is_usual or any(reply.code >= 300 for reply in envelope):
            super().hear(replies)
            return
        self._is_dismissed = False
        self._expected.clear()
        try:
            self._settle(last, Result(Phase.ANSWERED, end))
            mail.phase = Phase.DATA
            self._send_text(mail)
            self._wait()
        except Broken:
            return  # `broke` has settled everything

    def feed(self) -> None:
        if self.is_idle and (mail := self._take()) is not None:
            self._line.write(self._begin(mail))
            self._wait()

    def _begin(self, mail: _Mail | None) -> bytes:
        """What begins `mail`; its replies are expected from now on."""
        if mail is None:
            return b""
        self._expect(self._hear_mail, self._hear_rcpt, self._after_data, mail=mail)
        return b"%b%bDATA\r\n" % self._envelope(mail.message)

    def _after_data(self, mail: _Mail, reply: Reply) -> None:
        if reply.code != 354:
            mail.refusal = mail.refusal or Result(Phase.DATA, reply)
        if mail.refusal is None:
            self._send_text(mail)
            return
        self._settle(mail, mail.refusal)
        if self._is_closing:
            return
        said = b"RSET\r\n"
        if reply.code == 354:  # RFC 2920 3.1: they wait for a text to nobody; end it
            said = b".\r\n" + said
            self._expect(self._ignore, mail=None)
        self._expect(self._hear_reset, mail=None)
        self._line.write(said + self._begin(self._take()))

    def _send_text(self, mail: _Mail) -> None:
        content = mail.message.content
        if len(content) <= 64 * 1024:
            self._end(mail, content)
            return
        # of a long one we want to know whether the end was said
        self._line.write(content)
        self._line.when_writable(lambda: self._end(mail, b""))

    def _end(self, mail: _Mail, content: bytes) -> None:
        mail.phase = Phase.BODY_SENT
        self._expect(self._hear_end, mail=mail)
        self._line.write(b"%b.\r\n%b" % (content, self._begin(self._take())))
        self._wait()

    def _hear_end(self, mail: _Mail, reply: Reply) -> None:
        super()._hear_end(mail, reply)
        if not self._expected:
            self.feed()


class Chunked(Transactions):
    """Whole mails ahead of the replies. A RSET before each keeps a refusal from spreading."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._octets = 0

    def feed(self) -> None:
        written: list[bytes] = []
        while len(self._under_way) < WINDOW_MAILS and self._octets < WINDOW_OCTETS:
            mail = self._take()
            if mail is None:
                break
            content = mail.message.content
            written += (b"RSET\r\n", *self._envelope(mail.message))
            written += (b"BDAT %d LAST\r\n" % len(content), content)
            self._octets += len(content)
            mail.phase = Phase.BODY_SENT
            self._expect(self._hear_reset, self._hear_mail, self._hear_rcpt, self._after, mail=mail)
        if written:
            self._line.write(b"".join(written))
            self._wait()

    def _after(self, mail: _Mail, reply: Reply) -> None:
        self._octets -= len(mail.message.content)
        self._hear_end(mail, reply)
        if len(self._under_way) <= WINDOW_MAILS // 2:
            self.feed()


def way_for(extensions: Mapping[str, str]) -> type[Transactions]:
    """The quickest way that a server with these extensions allows."""
    if "PIPELINING" not in extensions:
        return LockStep
    return Chunked if "CHUNKING" in extensions else Pipelined
