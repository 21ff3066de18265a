"""A real `email-tracker up` in a folder of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(sys.executable).parent / "email-tracker"


def until(holds: Callable[[], object], seconds: float = 60.0) -> object:
    """What `holds()` returns once it is true; fails when it does not become so."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := holds():
            return found
        time.sleep(0.05)
    raise AssertionError(f"did not happen within {seconds} s")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def parent_of(pid: int) -> int:
    """0 when it is gone, or only waits to be buried."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return 0 if stat[0] == "Z" else int(stat[1])


def descendants(pid: int) -> list[int]:
    parents = {int(p.name): parent_of(int(p.name)) for p in Path("/proc").glob("[0-9]*")}
    found, level = [], [pid]
    while level:
        level = [child for child, parent in parents.items() if parent in level]
        found += level
    return found


@dataclass
class Up:
    """One installation: `start()` may be called again after its end."""

    data: Path
    port: int
    environment: dict[str, str]
    process: subprocess.Popen | None = None

    def start(self, *options: str) -> None:
        with (self.data / "up.log").open("a") as log:
            self.process = subprocess.Popen(
                [SCRIPT, "up", *options], env=self.environment, stdout=log, stderr=log, cwd=ROOT
            )
        until(self.answers, 60)

    def answers(self) -> bool:
        assert self.process.poll() is None, self.log
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/sign-in", timeout=30).read()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return "is ready" in self.log

    @property
    def log(self) -> str:
        return (self.data / "up.log").read_text()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if "REDIS" not in name}
    environment |= {
        "DATA_DIR": str(tmp_path),
        "PORT": str(port),
        "SANDBOX_SMTP_PORT": str(free_port()),
    }
    running = Up(tmp_path, port, environment)
    yield running
    if running.process and running.process.poll() is None:
        running.process.kill()
        running.process.wait()


@pytest.fixture
def refused(up: Up) -> Callable[..., str]:
    """What `email-tracker …` says when it refuses with exit code 2; checks that it is one line."""

    def run(*words: str, **settings: str) -> str:
        ended = subprocess.run(
            [SCRIPT, *words],
            env=up.environment | settings,
            capture_output=True,
            text=True,
            timeout=60,
            cwd=up.data,
        )
        assert ended.returncode == 2, ended.stdout + ended.stderr
        assert ended.stderr.count("\n") == 1, ended.stderr
        return ended.stderr.strip()

    return run
