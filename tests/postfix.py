"""A real Postfix of a test's own: on loopback, in a folder that goes with it, started by root."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.bench.processes import end, free_port, wait_for_port

_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file_prefixes = {folder}
maillog_file = {folder}/log
myhostname = relay.test
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_recipient_restrictions = check_recipient_access texthash:{folder}/access
transport_maps = texthash:{folder}/transport
virtual_alias_maps = texthash:{folder}/virtual
default_transport = error:5.1.2 this test knows no such domain
smtp_connect_timeout = 2s
queue_run_delay = 1s
minimal_backoff_time = 2s
maximal_backoff_time = 2s
delay_warning_time = {delay_warning}s
maximal_queue_lifetime = {lifetime}s
"""
# "plain" hands on to a server that offers no DSN, so that Postfix itself tells of success
_MASTER = """
127.0.0.1:{chunked} inet n - n - 20 smtpd
127.0.0.1:{pipelined} inet n - n - 20 smtpd -o smtpd_discard_ehlo_keywords=chunking
127.0.0.1:{lock-step} inet n - n - 20 smtpd -o smtpd_discard_ehlo_keywords=chunking,pipelining
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - 20 smtp
plain unix - - n - 20 smtp -o smtp_discard_ehlo_keywords=dsn
lmtp unix - - n - 5 lmtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
_QUEUES = ("maildrop", "incoming", "active", "deferred")
_TO = re.compile(
    r": (?P<id>\w+): to=<(?P<to>[^>]*)>(?:, orig_to=<(?P<first>[^>]*)>)?, .*"
    r" dsn=(?P<dsn>[\d.]+), status=(?P<status>\w+) \((?P<words>.*)\)$",
    re.MULTILINE,
)
_EXPIRED = re.compile(r": (?P<id>\w+): from=<[^>]*>, status=expired")
_REFUSED = re.compile(r": reject: RCPT from \S+ (?P<words>\d.*?); from=<.*? to=<(?P<to>[^>]*)>")


@dataclass(frozen=True)
class Verdict:
    """What the log says last of a recipient: sent, bounced, deferred, expired, or refused when we
    came with it; and the words of it."""

    what: str
    words: str


class Postfix:
    """`with Postfix(transport) as relay:` listens on relay.ports["chunked"], on "pipelined" and on
    "lock-step". `transport` says where mails go on to, `access` whom it refuses, `virtual` who is
    somebody else; all in the words of Postfix's tables. Times in seconds."""

    def __init__(
        self,
        transport: Mapping[str, str],
        access: Mapping[str, str] | None = None,
        virtual: Mapping[str, str] | None = None,
        *,
        lifetime: int = 3600,
        delay_warning: int = 0,
    ) -> None:
        self.ports = {way: free_port() for way in ("chunked", "pipelined", "lock-step")}
        self._tables = {"transport": transport, "access": access or {}, "virtual": virtual or {}}
        self._times = {"lifetime": lifetime, "delay_warning": delay_warning}

    def __enter__(self) -> "Postfix":
        # not below pytest's own folder, into which Postfix's user may not look
        self._folder = Path(tempfile.mkdtemp(prefix="et-postfix-"))
        self._folder.chmod(0o755)
        for name in ("config", "queue", "data"):
            (self._folder / name).mkdir()
        shutil.chown(self._folder / "data", "postfix")
        self._configure(self._folder / "config")
        self._master = self._start(self._folder / "config")
        for port in self.ports.values():
            wait_for_port(port)
        return self

    def __exit__(self, *_: object) -> None:
        end(self._master)
        shutil.rmtree(self._folder, ignore_errors=True)

    def is_idle(self) -> bool:
        """Whether it has nothing left to hand on, or to tell."""
        folders = (self._folder / "queue" / name for name in _QUEUES)
        return not any(files for folder in folders for _, _, files in os.walk(folder))

    def verdicts(self) -> dict[str, Verdict]:
        """{address that it was given: what the log says last}."""
        log = (self._folder / "log").read_text(errors="replace")
        expired = {match["id"] for match in _EXPIRED.finditer(log)}
        found = {
            match["to"]: Verdict("refused", match["words"]) for match in _REFUSED.finditer(log)
        }
        for match in _TO.finditer(log):
            what = "expired" if match["id"] in expired else match["status"]
            found[match["first"] or match["to"]] = Verdict(what, match["words"])
        return found

    def _configure(self, config: Path) -> None:
        (config / "main.cf").write_text(_MAIN.format(folder=self._folder, **self._times))
        (config / "master.cf").write_text(_MASTER.format(**self.ports))
        for name, table in self._tables.items():
            lines = [f"{key} {value}\n" for key, value in table.items()]
            (self._folder / name).write_text("".join(lines))

    def _start(self, config: Path) -> subprocess.Popen:
        subprocess.run(["postfix", "-c", config, "check"], check=True, env=_ENVIRONMENT)
        asked = ["postconf", "-c", config, "-h", "daemon_directory"]
        programs = subprocess.check_output(asked, env=_ENVIRONMENT, text=True).strip()
        return subprocess.Popen(
            [f"{programs}/master", "-d", "-c", config],
            start_new_session=True,  # it ends everybody in its group
            env=_ENVIRONMENT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def need_postfix() -> None:
    """A host without Postfix, or without root, skips what needs it; CI has both."""
    is_there = os.geteuid() == 0 and shutil.which("postfix", path=_ENVIRONMENT["PATH"])
    if not is_there and not os.environ.get("CI"):
        pytest.skip("a Postfix of our own needs the package postfix, and root")
