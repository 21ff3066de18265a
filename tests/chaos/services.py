"""A Redis and a PostgreSQL of the test's own, which it may kill and start again."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import redis

from webapp.running import embedding


class OwnRedis:
    """Keeps nothing: after `restart()` it is empty."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.url = f"unix://{folder}/r.sock"
        self._start()

    def restart(self) -> None:
        self.kill()
        self._start()

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(10)

    def _start(self) -> None:
        options = ["--port", "0", "--unixsocket", f"{self._folder}/r.sock", "--save", ""]
        self._process = subprocess.Popen(
            [str(embedding.find_server()), *options, "--dir", str(self._folder)],
            stdout=subprocess.DEVNULL,
        )
        with redis.Redis.from_url(self.url) as client:
            embedding.wait_until_ready(self.url)
            client.ping()


class OwnPostgres:
    """A cluster in a folder of its own; as root it runs as the user postgres."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self._folder, self._binaries = folder, binaries
        self._as_user: list[str] = []
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
            user = ["--reuid", "postgres", "--regid", "postgres", "--init-groups"]
            self._as_user = ["setpriv", *user, "--"]
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.url = f"postgresql://postgres@127.0.0.1:{self._port}/postgres"
        self._run("initdb", "-D", f"{folder}/db", "-A", "trust", "-U", "postgres")
        self._control("start")

    def restart(self) -> None:
        """As after a crash: no goodbye to anybody."""
        self._control("restart", "-m", "immediate")

    def stop(self) -> None:
        self._control("stop", "-m", "immediate")

    def _control(self, *words: str) -> None:
        options = f"-p {self._port} -c listen_addresses=127.0.0.1 -k {self._folder}"
        data = ["-D", f"{self._folder}/db", "-l", f"{self._folder}/log"]
        self._run("pg_ctl", *data, "-s", "-w", "-o", options, *words)

    def _run(self, name: str, *words: str) -> None:
        command = [*self._as_user, str(self._binaries / name), *words]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self._folder)


def postgres_binaries() -> Path | None:
    """Where Debian, or PATH, has initdb."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    if found:
        return found[-1].parent
    return Path(on_path).parent if on_path else None


class SmallDisk:
    """A file system of few megabytes, which can be filled to the last octet; needs root."""

    def __init__(self, megabytes: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="et-disk-"))
        size = f"size={megabytes}m,mode=755"
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", self.folder], check=True)

    def fill(self) -> None:
        with (self.folder / "filler").open("ab", buffering=0) as filler:
            for size in (1 << 20, 4096, 1):
                with suppress(OSError):
                    while filler.write(b"x" * size):
                        pass

    def free(self) -> None:
        (self.folder / "filler").unlink()

    def remove(self) -> None:
        subprocess.run(["umount", "--lazy", self.folder], check=True)
        self.folder.rmdir()


@contextmanager
def own_postgres(within: Path | None = None) -> Iterator[OwnPostgres]:
    folder = Path(tempfile.mkdtemp(prefix="et-pg-", dir=within))
    server = OwnPostgres(folder, postgres_binaries())
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
