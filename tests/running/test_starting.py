"""The whole installation as real processes: it starts, it stops, and it leaves nothing behind."""

import os
import signal
import socket
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from tests.running.conftest import SCRIPT, Up, descendants, parent_of, until

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")


def people(up: Up) -> int:
    with sqlite3.connect(up.data / "email-tracker.db") as connection:
        return connection.execute("SELECT count(*) FROM records").fetchone()[0]


def all_parts(up: Up) -> list[int]:
    """Redis, web, sandbox, workers, four lanes, clock; nothing while one is still to come."""
    parts = descendants(up.process.pid)
    return parts if len(parts) >= 8 else []


def test_after_kill_9_nothing_is_left_and_the_next_start_has_all_data(up: Up):
    up.start("--demo")
    client = redis.Redis(unix_socket_path=str(up.data / "redis.sock"))
    client.set("kept", "yes")
    client.close()
    before, parts = people(up), until(lambda: all_parts(up))

    up.process.kill()
    up.process.wait()
    until(lambda: not any(parent_of(pid) for pid in parts), 5)

    up.start("--demo")
    with redis.Redis(unix_socket_path=str(up.data / "redis.sock")) as client:
        assert client.get("kept") == b"yes"
    assert people(up) == before == 240


def test_it_can_be_started_in_the_moment_after_kill_9(up: Up):
    up.start()
    for _ in range(3):
        up.process.kill()
        up.process.wait()
        up.start()


def test_sigterm_stops_everything_in_order(up: Up):
    up.start()
    parts = descendants(up.process.pid)
    assert up.stop() == 0
    assert not any(parent_of(pid) for pid in parts)
    assert "Traceback" not in up.log


def test_ctrl_c_stops_everything(up: Up):
    up.start()
    parts = descendants(up.process.pid)
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(30) == 0
    assert not any(parent_of(pid) for pid in parts)


def test_a_part_that_was_killed_comes_back(up: Up):
    up.start()
    parts = descendants(up.process.pid)
    for pid in parts:
        os.kill(pid, signal.SIGKILL)
    until(lambda: len(descendants(up.process.pid)) >= len(parts))
    until(up.answers)


def test_a_second_one_on_the_same_folder_is_refused(up: Up, refused: Callable[..., str]):
    up.start()
    said = refused("up", PORT=str(up.port + 1))
    assert f"already runs on the data folder {up.data} (process {up.process.pid})" in said


def test_a_busy_port_is_said(up: Up, refused: Callable[..., str]):
    with socket.create_server(("127.0.0.1", up.port)):
        assert f"Port {up.port} of 127.0.0.1 is in use" in refused("up")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"DATA_DIR": "/dev/null/data"}, "The data folder /dev/null/data cannot be written to"),
        ({"DATABASE_URL": "postgresql://nobody:word@127.0.0.1:1/x"}, "does not answer"),
        ({"DATABASE_URL": "oracle://x"}, "DATABASE_URL must begin with"),
        ({"DATABASE_URL": "sqlite:////dev/null/x.db"}, "unable to open database file"),
        ({"REDIS_URL": "redis://:word@127.0.0.1:1/0"}, "The Redis at redis://127.0.0.1:1/0 does"),
        ({"EMAIL_TRACKER_PROT": "1"}, "Did you mean EMAIL_TRACKER_PORT?"),
        ({"PORT": "x"}, "PORT must be a whole number"),
    ],
)
def test_what_is_wrong_is_one_sentence(refused: Callable[..., str], settings: dict, said: str):
    sentence = refused("up", **settings)
    assert said in sentence
    assert "word" not in sentence


def test_tied_it_ends_with_what_started_it(up: Up):
    """`make` killed with kill -9: nothing of what it started is left."""
    make = subprocess.Popen(
        ["/bin/sh", "-c", f"{SCRIPT} up --tie; true"],
        env=up.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until(lambda: len(descendants(make.pid)) >= 8)
    parts = descendants(make.pid)
    make.kill()
    make.wait()
    until(lambda: not any(parent_of(pid) for pid in parts), 5)
