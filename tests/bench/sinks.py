"""Where the mails of a cell end: a sink, behind a slow line where wanted, and what it got."""

import datetime
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.bench import corpus, processes
from tests.bench.places import HERE, Missing, Place

POSTFIX, CHECKING, CHUNKING, TLS = "smtp-sink", "checking", "chunking", "tls"


@dataclass
class Sink:
    """`mails` is how many it took, known once it has ended; `port` where to connect."""

    port: int
    ledger: Path
    is_checking: bool
    mails: int = 0

    def problems(self, people: int, person: Callable[[int], dict]) -> list[str]:
        """What is wrong with what it got, [] where everybody has exactly their own mail.
        `person(number)` are the merge values that this sender used."""
        if not self.is_checking:
            return [] if self.mails == people else [f"{self.mails} mails for {people} people"]
        lines = self.ledger.read_text().splitlines()
        got = Counter(line.split()[0] for line in lines)
        found = [f"{address} got {number}" for address, number in got.items() if number > 1]
        found += [
            f"{corpus.address(n)} got none" for n in range(people) if not got[corpus.address(n)]
        ]
        for line in lines:
            address, text, html = line.split()
            if (int(text, 16), int(html, 16)) != corpus.sums(person(corpus.number_of(address))):
                found.append(f"{address} got another text")
        return found


@contextmanager
def sink(place: Place, kind: str, round_trip_ms: float = 0) -> Iterator[Sink]:
    """Listens while inside; what it got is known afterwards."""
    port, ledger = processes.free_port(), Path(tempfile.mkstemp(dir=place.folder)[1])
    with open(ledger, "w") as output:
        server = place.start(_command(place, kind, port, ledger), stdout=output)
    processes.wait_for_port(port)
    line, entrance = None, port
    if round_trip_ms:
        entrance = processes.free_port()
        command = [sys.executable, HERE / "delay.py", entrance, port, round_trip_ms]
        line = place.start(command)
        processes.wait_for_port(entrance)
    made = Sink(entrance, ledger, is_checking=kind != POSTFIX)
    try:
        yield made
    finally:
        for process in filter(None, (line, server)):
            processes.end(process)
        made.mails = _count(made)


def _command(place: Place, kind: str, port: int, ledger: Path) -> list:
    if kind == POSTFIX:
        return postfix("smtp-sink", "-u", "nobody", "-c", f"127.0.0.1:{port}", "1024")
    if kind == TLS:
        return [sys.executable, HERE / "tls_sink.py", port, ledger, _certificate(place)]
    return [place.sink_program, port, ledger, *(["-c"] if kind == CHUNKING else [])]


def postfix(program: str, *words: str) -> list[str]:
    """A program of Postfix as a command."""
    for folder in ("/usr/sbin", "/usr/bin", "/usr/local/sbin"):
        if (Path(folder) / program).exists():
            return [f"{folder}/{program}", *words]
    raise Missing(f"There is no {program}: it comes with Postfix.")


def _count(sink_: Sink) -> int:
    text = sink_.ledger.read_text()
    if sink_.is_checking:
        return len(text.splitlines())
    counts = re.findall(r"mesg=(\d+)", text)
    return int(counts[-1]) if counts else 0


def _certificate(place: Place) -> Path:
    """A self-made certificate of 127.0.0.1, and its key, in one file."""
    path = place.folder / "certificate.pem"
    if path.exists():
        return path
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(pem))
    return path
