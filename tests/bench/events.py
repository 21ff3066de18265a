"""Events from the signed POST to the recorded row, to the floor: the same rows, copied into the
same table by the database's quickest way, with nothing read, compared or raised."""

import http.client
import os
import subprocess
import sys
import threading
import time
from argparse import Namespace

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy import func, make_url, select, text, update

from tests.bench import corpus, event_posts, ours, processes, reporting
from tests.bench.event_posts import Posts
from tests.bench.places import HERE, Place
from tests.cast import make_user
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.delivery import recording, tokens
from webapp.delivery.models import Arrival, ArrivalStage, Connection, Event, Recipient, Tally
from webapp.delivery.statuses import Status, status_of_kind
from webapp.extensions import db, reading
from webapp.mail.reports import Report, ReportKind
from webapp.plugins import catalogue, installing
from webapp.providers import sendgrid

UNIT = "events/s"
BATCH = 1000  # events of a POST
CLIENTS = 4
SLOW = 6  # POSTs are enough for those who take an event at a time
COPIES = 30_000


FLOORS = {"PostgreSQL": "COPY, the floor", "SQLite": "executemany, the floor"}


def run(place: Place, args: Namespace) -> list[reporting.Result]:
    copies = args.mails or COPIES
    results = []
    for database in args.databases:
        names = (FLOORS[database], "email-tracker", "email-tracker, two workers")
        names += ("email-tracker, accepting only", "django-anymail", "ORM, row by row")
        found = [reporting.Result("events", f"{name}, {database}", UNIT) for name in names]
        for result in found:
            result.limit = found[0]
        for number in range(1, args.rounds + 1):
            _play(place, database, copies, number, found, args.only)
            print(f"round {number}  {database}: {found[1].rate:,.0f}/s, {found[1].ratio:.2f}",
                  file=sys.stderr, flush=True)  # fmt: skip
        results += found
    return results


def _play(
    place: Place, database: str, copies: int, number: int, results: list, only: list[str]
) -> None:
    """One round; the floor and ours always, the others if they are among `only`."""
    floor, whole, by_two, accepting, anymail, objects = results
    port = str(processes.free_port())
    with ours.ours(place, database, "events", PORT=port, LISTEN_HOST="127.0.0.1") as app:
        connection_id = _sent_email(copies)
        key = app.app.config["TOKEN_KEY"]
        posts = event_posts.make(
            copies, BATCH, corpus.address, lambda number: tokens.copy_token(key, number + 1)
        )
        path = _hook(connection_id, posts)
        web = app.start("web")
        processes.wait_for_port(int(port))

        accepting.rates[number] = posts.events / _post(posts, int(port), path)
        _forget()
        if reporting.is_wanted(objects, only):
            objects.rates[number] = _by_objects(posts, key)
            _forget()
        for workers, result in ((2, by_two), (1, whole)):
            worker = app.workers("digesting", workers)
            seconds = _whole(worker, web, posts, int(port), path, result)
            result.rates[number] = posts.events / seconds
            processes.end(worker)
            _check(posts, copies)
            if result is by_two:
                _forget()
        processes.end(web)
        floor.rates[number] = posts.distinct / _floor()
    if reporting.is_wanted(anymail, only):
        anymail.rates[number] = _anymail(place, database, posts, copies)


def _whole(
    worker: subprocess.Popen,
    web: subprocess.Popen,
    posts: Posts,
    port: int,
    path: str,
    result: reporting.Result,
) -> float:
    """Seconds from the first POST to the last row."""
    pids = (worker.pid, web.pid)
    used = sum(map(processes.cpu_seconds, pids))
    begin = time.perf_counter()
    _post(posts, port, path)
    processes.wait_until(_is_digested, "digesting", 600, every=0.02)
    seconds = time.perf_counter() - begin
    used = sum(map(processes.cpu_seconds, pids)) - used
    result.cpu_ms.append(used / posts.events * 1000)
    result.rss_mb.append(processes.peak_mb(worker.pid))
    return seconds


def _sent_email(copies: int) -> int:
    """An email that has been sent to everybody; the id of its Connection."""
    workspace, form = ours.make_people(copies)
    alice = make_user("install")
    db.session.commit()
    for name in ("bulk_email", "email_tracker"):
        installing.install(workspace, catalogue.find(name), alice)
    email = ours.make_email(workspace, form, 25, provider="sendgrid")
    ours.start(email, paused=True)
    ours.prepare(email)
    db.session.execute(update(Recipient).values(status=Status.SENT, sent_at=func.now()))
    db.session.execute(update(Tally).values(queued=0, sent=copies))
    db.session.execute(update(BulkEmail).values(stage=Stage.FINISHED))
    connection_id = email.connection_id
    db.session.commit()
    db.session.execute(text("ANALYZE"))
    db.session.commit()
    return connection_id


def _hook(connection_id: int, posts: Posts) -> str:
    connection = db.session.get(Connection, connection_id)
    connection.hook_secret = posts.public_key
    path = f"/hooks/sendgrid/{connection.hook_token}"
    db.session.commit()
    return path


def _post(posts: Posts, port: int, path: str, bodies: int | None = None) -> float:
    """Seconds until all are answered 2xx; a few clients, each with one connection."""
    waiting = iter(posts.bodies[:bodies])
    lock, refused = threading.Lock(), []

    def client() -> None:
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        while True:
            with lock:
                post = next(waiting, None)
            if post is None:
                return
            line.request("POST", path, post[0], post[1])
            answer = line.getresponse()
            answer.read()
            if answer.status >= 300:
                refused.append(answer.status)

    clients = [threading.Thread(target=client) for _ in range(CLIENTS)]
    begin = time.perf_counter()
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    if refused:
        raise SystemExit(f"{len(refused)} posts were answered {refused[0]}")
    return time.perf_counter() - begin


def _is_digested() -> bool:
    with reading():
        waiting = select(Arrival.id).where(Arrival.stage == ArrivalStage.STORED).limit(1)
        found = db.session.scalar(waiting)
        db.session.rollback()
    return found is None


def _forget() -> None:
    """As if nothing had arrived."""
    for table in ("events", "arrivals"):
        db.session.execute(text(f"DELETE FROM {table}"))
    values = {"status": Status.SENT, "delivered_at": None, "open_count": 0, "click_count": 0}
    db.session.execute(update(Recipient).values(**values, opened_at=None, clicked_at=None))
    db.session.execute(text("DELETE FROM suppressions"))
    tally = {status.value: 0 for status in Status}
    copies = db.session.scalar(select(func.count()).select_from(Recipient))
    db.session.execute(update(Tally).values(**tally | {"sent": copies}))
    db.session.commit()
    if db.engine.dialect.name == "postgresql":
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))


def _check(posts: Posts, copies: int) -> None:
    """Each event once, and books that balance with the rows."""
    events = db.session.scalar(select(func.count()).select_from(Event))
    rows = dict(
        db.session.execute(select(Recipient.status, func.count()).group_by(Recipient.status)).all()
    )
    tally = db.session.scalar(select(Tally))
    books = {status: getattr(tally, status.value) for status in Status}
    db.session.rollback()
    if events != posts.distinct or {s: n for s, n in books.items() if n} != rows:
        raise SystemExit(f"{events} events of {posts.distinct}; books {books}, rows {rows}")


# ---- the others


def _floor() -> float:
    """Seconds for the rows that were recorded, once more, in batches of the same size."""
    names = [column.name for column in Event.__table__.columns]
    is_postgresql = db.engine.dialect.name == "postgresql"
    wanted = f"SELECT {', '.join(names)} FROM events ORDER BY arrival_id, id"
    rows = [tuple(row) for row in db.session.execute(text(wanted))]
    if is_postgresql:
        at = names.index("details")
        rows = [(*row[:at], Jsonb(row[at]), *row[at + 1 :]) for row in rows]
    db.session.execute(text("DELETE FROM events"))
    db.session.commit()
    return _copy(names, rows) if is_postgresql else _insert_many(names, rows)


def _copy(names: list[str], rows: list[tuple]) -> float:
    """Without the checks of foreign keys, into a table with the same indexes."""
    db.session.execute(text("CREATE TABLE floor (LIKE events INCLUDING INDEXES)"))
    db.session.commit()
    url = db.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url) as connection:
        begin = time.perf_counter()
        for at in range(0, len(rows), BATCH):
            with connection.cursor().copy(f"COPY floor ({', '.join(names)}) FROM STDIN") as copy:
                for row in rows[at : at + BATCH]:
                    copy.write_row(row)
            connection.commit()
        return time.perf_counter() - begin


def _insert_many(names: list[str], rows: list[tuple]) -> float:
    marks = ", ".join("?" * len(names))
    connection = db.engine.raw_connection()
    begin = time.perf_counter()
    for at in range(0, len(rows), BATCH):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(f"INSERT INTO events VALUES ({marks})", rows[at : at + BATCH])
        connection.execute("COMMIT")
    seconds = time.perf_counter() - begin
    connection.close()
    return seconds


def _by_objects(posts: Posts, token_key: bytes) -> float:
    """Events a second of what a first version does in the same tables: an event at a time, as
    objects, a commit for each POST."""
    done, begin = 0, time.perf_counter()
    for body, headers in posts.bodies[:SLOW]:
        for report in sendgrid.parse(body, headers):
            _record_object(report, tokens.read_copy_token(token_key, report.token))
            done += 1
        db.session.commit()
    return done / (time.perf_counter() - begin)


def _record_object(report: Report, copy_id: int) -> None:
    key = recording.event_key(report, report.happened_at)
    if db.session.scalar(select(Event).where(Event.recipient_id == copy_id, Event.key == key)):
        return
    copy = db.session.get(Recipient, copy_id)
    tally = db.session.get(Tally, copy.bulk_email_id)
    status = status_of_kind(report.kind)
    db.session.add(
        Event(
            recipient_id=copy_id,
            key=key,
            kind=report.kind,
            status=status,
            reply=report.words,
            native=report.native,
            details=report.details,
            happened_at=report.happened_at,
        )
    )
    if status and status.rank > copy.status.rank:
        setattr(tally, copy.status.value, getattr(tally, copy.status.value) - 1)
        setattr(tally, status.value, getattr(tally, status.value) + 1)
        copy.status = status
    copy.open_count += report.kind is ReportKind.OPENED
    copy.click_count += report.kind is ReportKind.CLICKED
    tally.version += 1


def _anymail(place: Place, database: str, posts: Posts, copies: int) -> float:
    """Events a second that django-anymail's view and a handler of ours take."""
    port = processes.free_port()
    url = place.database_url(database, "anymail")
    environment = os.environ | {"BENCH_KEY": posts.public_key, "BENCH_COPIES": str(copies)}
    if database == "SQLite":
        environment["BENCH_DATABASE"] = url.removeprefix("sqlite:///")
    else:
        environment |= {"BENCH_DATABASE": "anymail", "BENCH_PG_PORT": str(make_url(url).port)}
    subprocess.run([str(place.python), "anymail_app.py"], env=environment, cwd=HERE, check=True)
    words = ["-m", "gunicorn", "-b", f"127.0.0.1:{port}", "--log-level", "error"]
    web = place.start([place.python, *words, "anymail_app:app"], cwd=HERE, env=environment)
    processes.wait_for_port(port)
    try:
        return SLOW * BATCH / _post(posts, port, "/hook", SLOW)
    finally:
        processes.end(web)
