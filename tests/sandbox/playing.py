"""A real sandbox and a real receiver of its reports, for the tests."""

import asyncio
import hashlib
import hmac
import json
import smtplib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from webapp.sandbox.outcomes import Manner
from webapp.sandbox.serving import Sandbox

USER, SECRET = "a-hook-token", "a hook secret"
CALM = Manner(pace=0.02, twice=0, disordered=0, early=0, hang_seconds=0.2, retry_seconds=0.05)


@dataclass
class Receiver:
    """An HTTP server that takes the reports: each post as (seconds, path, delivery id, events).

    `answers` are the statuses of its next answers; then it says 200."""

    posts: list[tuple[float, str, str, list[dict]]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    forged: int = 0

    def __enter__(self) -> "Receiver":
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(30)

    @property
    def events(self) -> list[dict]:
        return [event for post in list(self.posts) for event in post[3]]

    def told(self, address: str) -> list[str]:
        """What was reported of one address, in the order of its coming."""
        return [event["event"] for event in self.events if event["address"] == address]


def _handler_of(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            signed = self.headers["X-Sandbox-Timestamp"].encode() + b"." + body
            expected = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
            receiver.forged += self.headers["X-Sandbox-Signature"] != f"v1={expected}"
            status = receiver.answers.pop(0) if receiver.answers else 200
            delivery = self.headers["X-Sandbox-Delivery"]
            if status == 200:
                receiver.posts.append((time.time(), self.path, delivery, json.loads(body)))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    return Handler


class Playing:
    """`with Playing(path, url) as sandbox:` runs a sandbox in a thread; it listens on .port."""

    def __init__(self, path: Path, url: str, manner: Manner = CALM, cap: int = 20_000) -> None:
        self._made = lambda: Sandbox(path, url, manner, seed=1, cap=cap)

    def __enter__(self) -> "Playing":
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._sandbox = self._made()
        self._call(self._sandbox.start(0))
        self.port = self._sandbox.port
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._sandbox.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()

    def _call(self, coroutine) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    def connect(self, user: str | None = USER, password: str = SECRET) -> smtplib.SMTP:
        relay = smtplib.SMTP("127.0.0.1", self.port, timeout=30)
        if user:
            relay.login(user, password)
        return relay

    def send(self, address: str, **values: str) -> None:
        """One mail over a conversation of its own."""
        with self.connect() as relay:
            relay.send_message(make_mail(address, **values), "grants@acme.test", [address])


def make_mail(address: str, subject: str = "Hello", text: str = "Dear Ann") -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = subject
    message["From"] = "grants@acme.test"
    message["To"] = address
    message["Message-ID"] = f"<{address.partition('@')[0]}@acme.test>"
    message["X-Sandbox-Token"] = f"token of {address}"
    message.set_content(text)
    return message


def eventually(is_so: Callable[[], object], seconds: float = 60) -> None:
    """Wait for something that happens in another thread."""
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.01)
