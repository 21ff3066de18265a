"""How many mails a second, beside the others, into the same sink, in one go.

In the first round everything goes into the checking sink and every copy is compared (its rates
count only to choose how many mails fill a cell). In the others it goes into Postfix's smtp-sink,
the same that the limit is measured with, and is counted.
"""

import json
import os
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.bench import corpus, ours, processes, reporting, sinks
from tests.bench.places import HERE, Place
from tests.bench.sinks import CHECKING, CHUNKING, POSTFIX, TLS, Sink
from webapp.extensions import db

PATIENCE = 900
LIMIT = "Postfix smtp-source"
SIZE = 8900  # of one mail on the wire, about


@dataclass
class Cell:
    """One run of one contestant: `seconds` of sending alone."""

    seconds: float
    cpu_seconds: float
    rss_mb: float
    problems: list[str] = field(default_factory=list)
    person: Callable[[int], dict] = corpus.person  # the merge values that were sent


Run = Callable[[Place, Sink, int], Cell]


@dataclass
class Contestant:
    """Somebody who sends. `guess` mails a second are expected at first; `sink` is the kind for the
    rounds that count, `people` a fixed number of mails, `only_once` for what is no matter of
    rounds, `limit` who it is compared with."""

    who: str
    run: Run
    guess: float
    sink: str = POSTFIX
    round_trip_ms: float = 0
    limit: str = LIMIT
    people: int | None = None
    only_once: bool = False

    @property
    def group(self) -> str:
        return "delay" if self.round_trip_ms else "memory" if self.only_once else "plain"


# ---- the others


def _source(sessions: int) -> Run:
    def run(place: Place, sink: Sink, mails: int) -> Cell:
        words = ["-d", "-s", str(sessions), "-l", str(SIZE), "-m", str(mails)]
        begin, cpu = time.perf_counter(), os.times()
        subprocess.run(sinks.postfix("smtp-source", *words, f"127.0.0.1:{sink.port}"), check=True)
        now = os.times()
        used = now.children_user + now.children_system - cpu.children_user - cpu.children_system
        return Cell(time.perf_counter() - begin, used, 13)

    return run


def _python_peer(who: str) -> Run:
    def run(place: Place, sink: Sink, mails: int) -> Cell:
        words = ["--mails", mails, "--port", sink.port, "--redis", place.redis_port]
        environment = os.environ | {
            "BENCH_REDIS_PORT": str(place.redis_port),
            "BENCH_SMTP_PORT": str(sink.port),
        }
        for old in place.folder.glob("post_office.db*"):
            old.unlink()
        return _peer(
            [place.python, HERE / "peers.py", who, *words, "--folder", place.folder], environment
        )

    return run


def _node_peer(who: str) -> Run:
    def run(place: Place, sink: Sink, mails: int) -> Cell:
        environment = os.environ | {"NODE_PATH": str(place.node_modules)}
        words = [place.corpus_file, mails, sink.port, place.redis_port]
        return _peer([place.node, HERE / "peers.js", who, *words], environment)

    return run


def _peer(command: list, environment: dict) -> Cell:
    done = subprocess.run(
        [str(word) for word in command],
        env=environment, cwd=HERE, capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        raise RuntimeError(f"a peer failed: {done.stderr.strip()[-800:]}")
    return Cell(**json.loads(lines[-1]))


# ---- ours


def _ours(database: str, workers: int = 1, connections: int = 10, security: str = "none") -> Run:
    def run(place: Place, sink: Sink, mails: int) -> Cell:
        with ours.ours(place, database, "bench") as app:
            workspace, form = ours.make_people(mails)
            lines = connections * workers  # of the Connection, shared by its workers
            email = ours.make_email(
                workspace, form, sink.port, max_connections=lines, security=security
            )
            ours.start(email, paused=True)
            ours.prepare(email)
            cell = _measured(app, email, workers)
            if ours.sent(email.id) != mails:
                cell.problems.append(f"the books say {ours.sent(email.id)} sent of {mails}")
            cell.person = app.persons() if sink.is_checking else corpus.person
        return cell

    return run


def _measured(app: ours.Ours, email: ours.BulkEmail, workers: int) -> Cell:
    """From Resume to finished, all outcomes committed."""
    email_id, peaks = email.id, [0.0]
    db.session.rollback()  # on SQLite even a look holds the lock that the workers want
    worker = app.workers("sending", workers)
    cpu, begin = processes.cpu_seconds(worker.pid), time.perf_counter()
    ours.resume(email, workers)

    def look() -> None:
        now = time.perf_counter()
        if now - looked[0] > 0.5:
            looked[0] = now
            peaks.append(processes.peak_mb(worker.pid))

    looked = [begin]
    ours.wait_until_finished(email_id, PATIENCE, look)
    seconds = time.perf_counter() - begin
    peaks.append(processes.peak_mb(worker.pid))
    used = processes.cpu_seconds(worker.pid) - cpu
    processes.end(worker)
    return Cell(seconds, used, max(peaks))


# ---- the whole


def contestants(args: Namespace) -> list[Contestant]:
    """Everybody, in the order of a round."""
    found = [
        Contestant(LIMIT, _source(10), 10_000),
        Contestant("smtplib", _python_peer("smtplib"), 250),
        Contestant("aiosmtplib × 8", _python_peer("aiosmtplib"), 250),
        Contestant("django-post-office, SQLite", _python_peer("django-post-office"), 450),
        Contestant("Celery + smtplib × 2", _python_peer("celery"), 200),
        Contestant("nodemailer pool × 8", _node_peer("nodemailer"), 700),
        Contestant("BullMQ + nodemailer × 8", _node_peer("bullmq"), 500),
    ]
    for database in ("SQLite", "PostgreSQL"):
        for workers in (1, 2):
            who = f"email-tracker, {database}, {_workers(workers)}"
            found.append(Contestant(who, _ours(database, workers), 2000))
    found += [
        Contestant("email-tracker, SQLite, 1 worker, our own sink", _ours("SQLite"), 2000, TLS),
        Contestant(
            "email-tracker, SQLite, 1 worker, our own sink, TLS",
            _ours("SQLite", security="starttls"), 2000, TLS,
        ),
        Contestant("email-tracker, SQLite, 1 worker, CHUNKING", _ours("SQLite"), 2000, CHUNKING),
    ]  # fmt: skip
    return [*found, *_at_a_distance(), *_in_memory(args.rss)]


def _at_a_distance() -> list[Contestant]:
    """A real relay is 20 ms away."""
    limit = f"{LIMIT}, 20 ms"
    peers = [
        Contestant(limit, _source(10), 120),
        Contestant("smtplib, 20 ms", _python_peer("smtplib"), 12),
        Contestant("aiosmtplib × 8, 20 ms", _python_peer("aiosmtplib"), 90),
        Contestant("nodemailer pool × 8, 20 ms", _node_peer("nodemailer"), 90),
        Contestant("email-tracker, SQLite, 1 worker, 20 ms", _ours("SQLite"), 300),
        Contestant("email-tracker, SQLite, 2 workers, 20 ms", _ours("SQLite", 2), 600),
        Contestant("email-tracker, PostgreSQL, 1 worker, 20 ms", _ours("PostgreSQL"), 300),
        Contestant("email-tracker, PostgreSQL, 2 workers, 20 ms", _ours("PostgreSQL", 2), 600),
    ]
    for peer in peers:
        peer.round_trip_ms, peer.limit = 20, limit
    chunking = Contestant("email-tracker, SQLite, 1 worker, CHUNKING, 20 ms", _ours("SQLite"), 2000)
    chunking.sink, chunking.round_trip_ms, chunking.limit = CHUNKING, 20, limit
    return [*peers, chunking]


def _in_memory(sizes: Sequence[int]) -> list[Contestant]:
    """Whether a worker needs more for more people."""
    return [
        Contestant(
            f"email-tracker, {database}, 1 worker, {people:,} recipients", _ours(database), 2000,
            people=people, only_once=True,
        )
        for people in sizes
        for database in ("SQLite", "PostgreSQL")
    ]  # fmt: skip


def _workers(number: int) -> str:
    return "1 worker" if number == 1 else f"{number} workers"


def run(place: Place, args: Namespace) -> list[reporting.Result]:
    """Interleaved rounds; a contestant that cannot run is named on standard error, and left out."""
    everybody = contestants(args)
    names = {one.who for one in everybody}
    chosen = [one for one in everybody if _is_wanted(one, args, names)]
    results = {one.who: reporting.Result("sending", one.who, "mails/s") for one in chosen}
    for one in chosen:
        results[one.who].limit = results.get(one.limit)
        results[one.who].extra = {"round_trip_ms": one.round_trip_ms, "checked": 0}
    for number in range(args.rounds + 1):
        for one in chosen:
            if one.only_once and number != 1:
                continue
            try:
                _play(place, one, number, args, results[one.who])
            except (RuntimeError, TimeoutError, subprocess.SubprocessError) as error:
                print(f"round {number}  {one.who} FAILED: {error}", file=sys.stderr, flush=True)
    return list(results.values())


def _is_wanted(one: Contestant, args: Namespace, names: set[str]) -> bool:
    if args.groups and one.group not in args.groups:
        return False
    exact, parts = set(args.only) & names, set(args.only) - names
    return not args.only or one.who in exact or any(part in one.who for part in parts)


def _play(
    place: Place, one: Contestant, number: int, args: Namespace, result: reporting.Result
) -> None:
    """One cell. Round 0 only checks, and tells how many mails fill a cell's time."""
    mails = one.people or args.mails or max(50, round(one.guess * args.seconds))
    kind = CHECKING if number == 0 and one.sink == POSTFIX else one.sink
    if number == 0:
        mails = max(50, mails // 4)
    with sinks.sink(place, kind, one.round_trip_ms) as sink:
        cell = one.run(place, sink, mails)
    problems = cell.problems + _problems(one, cell, sink, mails)
    rate = mails / cell.seconds
    print(f"round {number}  {one.who}: {rate:,.0f}/s, {mails:,} mails", file=sys.stderr, flush=True)
    if problems:
        raise SystemExit(f"{one.who}: {len(problems)} wrong: {'; '.join(problems[:5])}")
    one.guess = rate
    if sink.is_checking:
        result.extra["checked"] += 0 if one.who.startswith(LIMIT) else mails
    if number:
        result.rates[number] = rate
        result.cpu_ms.append(cell.cpu_seconds / mails * 1000)
        result.rss_mb.append(cell.rss_mb)


def _problems(one: Contestant, cell: Cell, sink: Sink, mails: int) -> list[str]:
    if one.who.startswith(LIMIT):  # everybody gets the same from it
        return [] if sink.mails == mails else [f"{sink.mails} mails of {mails}"]
    return sink.problems(mails, cell.person)
