"""The sandbox as a process of its own."""

import os
import signal
import smtplib
import socket
import subprocess
import sys

import pytest

from tests.sandbox.playing import SECRET, USER, eventually, make_mail
from webapp import settings
from webapp.sandbox import serving
from webapp.sandbox.browsing import browse


@pytest.fixture
def busy_port():
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def test_a_port_in_use_is_one_sentence(tmp_path, busy_port: int):
    config = settings.read(
        {"SECRET_KEY": "x", "DATA_DIR": str(tmp_path), "SANDBOX_SMTP_PORT": str(busy_port)}
    )
    with pytest.raises(settings.SettingError, match="in use by another program"):
        serving.serve(config)


def test_asked_to_stop_it_ends_though_a_client_is_talking_and_keeps_every_mail(tmp_path, receiver):
    port = free_port()
    environment = os.environ | {
        "SECRET_KEY": "x",
        "DATA_DIR": str(tmp_path),
        "SANDBOX_SMTP_PORT": str(port),
        "BASE_URL": receiver.url,
    }
    process = subprocess.Popen([sys.executable, "-m", "webapp.sandbox"], env=environment)
    eventually(lambda: _answers(port))
    with smtplib.SMTP("127.0.0.1", port) as relay:
        relay.login(USER, SECRET)
        relay.send_message(make_mail("ann@example.org"))
        relay.mail("a@acme.test")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        relay.close()
    with browse(serving.file_of(tmp_path), {USER}) as browser:
        assert browser.count() == 1


def _answers(port: int) -> bool:
    try:
        smtplib.SMTP("127.0.0.1", port).close()
    except OSError:
        return False
    return True
