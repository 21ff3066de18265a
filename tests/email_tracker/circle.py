"""An email that goes out over a real Postfix, to servers that take, refuse and put off, and whose
delivery notices come back to our receiver."""

import contextlib
import functools
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from flask import Flask
from sqlalchemy import select

from tests import makers
from tests.bench import sinks
from tests.bench.processes import end, free_port, wait_for_port
from tests.cast import Cast
from tests.postfix import Postfix, Verdict
from tests.smtp_server import SmtpServer
from webapp import providers
from webapp.bulk_email import relay
from webapp.delivery.models import Event, Recipient
from webapp.delivery.models_return import ReturnWay
from webapp.delivery.statuses import Status
from webapp.email_tracker import digesting
from webapp.extensions import db
from webapp.lib import clock
from webapp.mail.reports import ReportKind
from webapp.plugins import catalogue, installing
from webapp.running import receiving, serving

BACK = "back.acme.test"
PATIENCE_SECONDS = 120
# what smtp-sink answers, and at which step, for each domain that it stands for
_SINKS: dict[str, tuple[str, ...]] = {
    "taken.test": (),
    "unknown.test": ("-f", "RCPT", "-B", "550 5.1.1 no such user here"),
    "full.test": ("-f", "RCPT", "-B", "552 5.2.2 mailbox full"),
    "blocked.test": ("-f", ".", "-B", "554 5.7.1 message content rejected as spam"),
    "busy.test": (
        "-r",
        "RCPT",
        "-b",
        "450 4.2.1 The user is receiving mail at a rate that is too high",
    ),
    "late.test": ("-r", ".", "-b", "451 4.3.0 something is wrong here"),
}
ACCESS = {
    "refused.test": "550 5.1.1 no such user, says the relay",
    "putoff.test": "450 4.2.0 Greylisted, says the relay",
}
ELSEWHERE = {"@moved.test": "@taken.test", "@astray.test": "@unknown.test"}
DOMAINS = (
    *_SINKS, *ACCESS, "silent.test", "closed.test", "grey.test", "nowhere.test",
    "moved.test", "astray.test",
)  # fmt: skip


@dataclass
class Circle:
    """The email, the relay, and everything between them at work."""

    app: Flask
    postfix: Postfix
    _bulk_email_id: int

    def copies(self) -> dict[str, tuple[Status, str | None]]:
        """{address: (status, cause)}."""
        found = db.session.execute(
            select(Recipient.address, Recipient.status, Recipient.cause)
            .where(Recipient.bulk_email_id == self._bulk_email_id)
            .order_by(Recipient.id)
        ).all()
        db.session.rollback()  # on SQLite whoever has read keeps the receiver out
        return {row.address: (row.status, row.cause) for row in found}

    def by_domain(self) -> dict[str, Counter]:
        """{domain: {(status, cause): copies}}."""
        found: dict[str, Counter] = {domain: Counter() for domain in DOMAINS}
        for address, (status, cause) in self.copies().items():
            found[address.partition("@")[2]][status.value, cause] += 1
        return found

    def told_late(self) -> Counter:
        """{domain: copies that a notice called delayed}."""
        found = db.session.scalars(
            select(Recipient.address)
            .join(Event, Event.recipient_id == Recipient.id)
            .where(Event.kind == ReportKind.DEFERRED)
            .distinct()
        ).all()
        return Counter(address.partition("@")[2] for address in found)

    def wait_for_the_end(self) -> None:
        """Until Postfix has nothing to hand on nor to tell, and all that it told is digested."""
        until = time.monotonic() + PATIENCE_SECONDS
        while not self.postfix.is_idle():
            assert time.monotonic() < until, f"it does not end:\n{self.table()}"
            self._digest()
            time.sleep(0.5)
        self._digest()

    def disagreements(self) -> list[str]:
        """Copy by copy, where our status is none that the log's last word allows."""
        verdicts, copies = self.postfix.verdicts(), self.copies()
        return [
            f"{address}: {verdicts.get(address)}, but {status.value} ({cause})"
            for address, (status, cause) in copies.items()
            if status not in allowed(address, verdicts.get(address))
        ]

    def table(self) -> str:
        """The log's last word against our status and cause, with the number of copies."""
        verdicts, lines = self.postfix.verdicts(), Counter()
        for address, (status, cause) in self.copies().items():
            verdict = verdicts.get(address, Verdict("nothing", ""))
            lines[address.partition("@")[2], verdict.what, status.value, cause or ""] += 1
        head = ("domain", "Postfix's log", "our status", "our cause")
        rows = [(*head, "copies"), *((*key, str(count)) for key, count in sorted(lines.items()))]
        return "\n".join("{:14}{:16}{:14}{:22}{:>6}".format(*row) for row in rows)

    def _digest(self) -> None:
        while digesting.digest_some(providers.READERS, self.app.config["TOKEN_KEY"]):
            pass


def allowed(address: str, verdict: Verdict | None) -> set[Status]:
    """The statuses that say what Postfix said."""
    if verdict is None:
        return set()
    if verdict.what == "refused":
        return {Status.BOUNCED} if verdict.words.startswith("5") else {Status.RETRYING}
    if verdict.what == "sent" and address.endswith("@silent.test"):
        return {Status.SENT}  # the next server was asked to tell of it, and it does not
    return {
        "sent": {Status.DELIVERED},
        "bounced": {Status.BOUNCED},
        "expired": {Status.BOUNCED_SOFT},
        "deferred": {Status.DEFERRED, Status.SENT},
    }.get(verdict.what, set())


@contextlib.contextmanager
def circle(app: Flask, cast: Cast, copies: int, *, is_lmtp: bool, **times: int) -> Iterator[Circle]:
    """An email to `copies` people in all DOMAINS, sent."""
    with contextlib.ExitStack() as stack:
        back = stack.enter_context(_receiver(app, is_lmtp))
        transport = {BACK: f"{'lmtp:inet' if is_lmtp else 'smtp'}:[127.0.0.1]:{back}"}
        for domain, options in _SINKS.items():
            transport[domain] = f"plain:[127.0.0.1]:{stack.enter_context(_sink(options))}"
        transport["silent.test"] = transport["taken.test"].replace("plain", "smtp")
        transport["closed.test"] = f"smtp:[127.0.0.1]:{free_port()}"
        grey = stack.enter_context(SmtpServer(_Greylist()))
        transport["grey.test"] = f"plain:[127.0.0.1]:{grey.port}"
        postfix = stack.enter_context(Postfix(transport, ACCESS, ELSEWHERE, **times))
        yield Circle(app, postfix, _send(app, cast, postfix.ports["chunked"], copies))


def _send(app: Flask, cast: Cast, port: int, copies: int) -> int:
    for plugin in ("bulk_email", "email_tracker"):
        installing.install(cast.workspace, catalogue.find(plugin), cast.alice)
    connection = makers.make_connection(cast.workspace, port, provider="smtp", max_connections=4)
    db.session.add(ReturnWay(connection_id=connection.id, address=f"bounces@{BACK}"))
    people = [(f"P{n}", f"p{n}@{DOMAINS[n % len(DOMAINS)]}") for n in range(copies)]
    form = makers.make_form(cast.workspace, people)
    bulk_email = makers.make_email(form, connection, bounce_asked_at=clock.now())  # many bounce
    makers.start(bulk_email)
    server_of = functools.partial(
        relay.server_of, allow_private=True
    )  # patient, unlike the makers'
    setting = makers.make_setting(token_key=app.config["TOKEN_KEY"], server_of=server_of)
    email_id = bulk_email.id
    makers.draining.drain(setting, PATIENCE_SECONDS)
    return email_id


class _Greylist:
    """Refuses everybody's first try."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def __call__(self, step: str, address: str) -> bytes | None:
        if step != "rcpt" or address in self._seen:
            return None
        self._seen.add(address)
        return b"450 4.7.1 greylisted, come back in a minute"


@contextlib.contextmanager
def _sink(options: tuple[str, ...]) -> Iterator[int]:
    port = free_port()
    command = sinks.postfix("smtp-sink", "-u", "nobody", *options, f"127.0.0.1:{port}", "1024")
    sink = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_port(port)
        yield port
    finally:
        end(sink)


@contextlib.contextmanager
def _receiver(app: Flask, is_lmtp: bool) -> Iterator[int]:
    """Our bounce receiver on a port."""
    listening, stop = serving.bind("127.0.0.1", 0, "BOUNCE_PORT"), threading.Event()
    port = listening.getsockname()[1]
    values = {"should_stop": stop.is_set, "is_lmtp": is_lmtp}
    thread = threading.Thread(target=receiving.serve, args=(app, listening), kwargs=values)
    thread.start()
    try:
        yield port
    finally:
        stop.set()
        thread.join(10)
