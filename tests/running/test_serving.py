"""The real web server before clients that are slow, endless or lie."""

import socket
import urllib.request

import pytest

from tests.running.conftest import Up

HEAD = b"POST /hooks/sandbox/unknown-token HTTP/1.1\r\nHost: x\r\n"


def connect(up: Up) -> socket.socket:
    return socket.create_connection(("127.0.0.1", up.port), timeout=30)


@pytest.mark.redis
def test_slow_endless_and_lying_bodies_harm_nobody(up: Up) -> None:
    up.start()
    slow = [connect(up) for _ in range(12)]
    for line in slow:
        line.sendall(HEAD + b"Content-Length: 1000\r\n\r\nabc")

    for _ in range(5):
        with urllib.request.urlopen(f"http://127.0.0.1:{up.port}/healthz", timeout=30) as answer:
            assert answer.status == 200
    with connect(up) as liar:
        liar.sendall(HEAD + b"Content-Length: 10737418240\r\n\r\n")
        assert liar.recv(100).startswith(b"HTTP/1.1 413")
    assert endless(up).startswith(b"HTTP/1.1 413")
    for line in slow:
        line.close()


def endless(up: Up) -> bytes:
    """What is answered to chunks without end."""
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    with connect(up) as line:
        line.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        try:
            for _ in range(2_000):
                line.sendall(chunk)
        except OSError:  # it hung up, having said why
            pass
        return line.recv(100)
