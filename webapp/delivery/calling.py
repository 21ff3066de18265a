"""One POST to an address that somebody typed: to the checked IP address, and no further.

No redirect is followed, no proxy asked, and neither a slow answer nor a long one holds us.
"""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from webapp.lib import hosts, texts

SECONDS = 15.0  # for all of it
CONNECT_SECONDS = 5.0
MAX_ANSWER = 2000  # bytes that are read of an answer
KEPT = 500  # characters of it that are kept


@dataclass(frozen=True)
class Answer:
    """`status` None: there was no answer, and `text` says why."""

    status: int | None
    text: str
    took_ms: int

    @property
    def is_taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    allow_private: bool,
    trust: ssl.SSLContext | None = None,
) -> Answer:
    """Post, and say how it was answered. Never raises for what the other side does."""
    began = time.monotonic()
    try:
        status, text = _post(url, body, headers, allow_private, trust)
    except (OSError, http.client.HTTPException, ValueError) as error:
        status, text = None, str(error) or type(error).__name__
    took = round((time.monotonic() - began) * 1000)
    if status is None and took >= SECONDS * 1000:
        text = f"No answer within {SECONDS:.0f} seconds."
    return Answer(status, texts.printable(text)[:KEPT], took)


def _post(url, body, headers, allow_private, trust) -> tuple[int, str]:
    parts = urlsplit(url)
    is_secure = parts.scheme == "https"
    port = parts.port or (443 if is_secure else 80)
    if not parts.hostname or not (is_secure or (allow_private and parts.scheme == "http")):
        raise OSError("The address must begin with https://.")
    found = hosts.addresses_of(parts.hostname, port, allow_private=allow_private)
    connection = http.client.HTTPConnection(parts.hostname, port, timeout=CONNECT_SECONDS)
    connection.sock = _connect(found, port, parts.hostname if is_secure else None, trust)
    # closing is not enough: a read that waits for the next byte ends only when the line is shut
    is_over = threading.Event()
    end = threading.Timer(SECONDS, _shut, [connection.sock, is_over])
    end.start()
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", target, body, {"Host": parts.netloc, **headers})
        answer = connection.getresponse()
        text = answer.read(MAX_ANSWER).decode("utf-8", "replace")
    finally:
        end.cancel()
        connection.close()
    if is_over.is_set():  # what was cut off looks like an answer that has ended
        raise TimeoutError
    return answer.status, text


def _connect(addresses: list[str], port: int, name: str | None, trust) -> socket.socket:
    """A line to the first of them that takes it, encrypted where a `name` is to be proved."""
    error: OSError = OSError("no address")
    for address in addresses[:3]:
        try:
            line = socket.create_connection((address, port), timeout=CONNECT_SECONDS)
        except OSError as refused:
            error = refused
            continue
        line.settimeout(SECONDS)
        if name is None:
            return line
        try:
            return (trust or ssl.create_default_context()).wrap_socket(line, server_hostname=name)
        except OSError:
            line.close()
            raise
    raise error


def _shut(line: socket.socket, is_over: threading.Event) -> None:
    is_over.set()
    try:
        line.shutdown(socket.SHUT_RDWR)
    except OSError:
        line.close()
