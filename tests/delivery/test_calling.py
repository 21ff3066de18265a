"""A POST to a stranger's address: to the checked host only, and nothing of it can hold us."""

import socket
import threading

import pytest

from tests.webhook_receiver import Receiver
from webapp.delivery import calling
from webapp.lib import hosts


def post(url: str, *, allow_private: bool = True) -> calling.Answer:
    return calling.post(url, b"{}", {"webhook-id": "msg_1"}, allow_private=allow_private)


def test_the_answer_is_kept_with_its_first_bytes() -> None:
    with Receiver(status=500, text=b"<b>no\x00\xff" + b"x" * 100_000) as receiver:
        answer = post(receiver.url)

    [got] = receiver.got
    assert (got.path, got.headers["webhook-id"], got.body) == ("/hook?x=1", "msg_1", b"{}")
    assert (answer.status, answer.is_taken) == (500, False)
    assert answer.text.startswith("<b>no \N{REPLACEMENT CHARACTER}xx")
    assert len(answer.text) == calling.KEPT


def test_no_redirect_is_followed() -> None:
    with Receiver() as other, Receiver(status=302, Location=other.url) as receiver:
        assert post(receiver.url).status == 302

    assert other.got == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "[::1]"])
def test_nothing_inside_is_reached_however_it_is_written(host) -> None:
    with Receiver() as receiver:
        port = receiver.url.split(":")[2].split("/")[0]
        for scheme in ("http", "https"):
            answer = post(f"{scheme}://{host}:{port}/", allow_private=False)
            assert answer.status is None

    assert receiver.got == []


def test_dns_is_asked_once_so_it_cannot_change_its_mind(monkeypatch) -> None:
    """The address that was checked is the one that is called."""
    asked = []
    with Receiver() as receiver:
        port = int(receiver.url.split(":")[2].split("/")[0])

        def resolve(host, *_, **__):
            asked.append(host)
            return ["127.0.0.1"]

        monkeypatch.setattr(hosts, "addresses_of", resolve)
        answer = post(f"http://rebinding.invalid:{port}/")

    assert (answer.status, asked) == (200, ["rebinding.invalid"])
    assert receiver.got[0].headers["Host"] == f"rebinding.invalid:{port}"


def test_an_answer_that_drips_ends_in_time(monkeypatch) -> None:
    monkeypatch.setattr(calling, "SECONDS", 0.3)
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            line, _ = server.accept()
            with line:
                line.sendall(b"HTTP/1.1 200 OK\r\n")
                while not over.wait(0.05):
                    try:
                        line.sendall(b"X-Drip: 1\r\n")
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        answer = post(f"http://127.0.0.1:{server.getsockname()[1]}/")
        over.set()
        thread.join(5)

    assert (answer.status, answer.text) == (None, "No answer within 0 seconds.")


def test_who_is_not_there_is_said() -> None:
    answer = post("http://127.0.0.1:9/")

    assert answer.status is None
    assert "refused" in answer.text
