"""The whole job by HTTP in a real installation: a CSV of 5,000 people with every mess is imported
and sent through the sandbox; undisturbed, with its workers killed, with its Redis flushed."""

import csv
import io
import random
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from sqlalchemy import Engine, create_engine, text

from tests.browser.conftest import Installation, start_installation
from tests.chaos.conftest import Telling, only_long
from tests.chaos.harness import kill
from tests.chaos.judging import Finding
from tests.chaos.newcomer import Newcomer
from tests.running.conftest import descendants, parent_of
from webapp.delivery.statuses import Label, Status, label_of
from webapp.running.seeding import MALFORMED, NAMES, PASSWORD, SIGN_INS
from webapp.sandbox.outcomes import TAGS

pytestmark = pytest.mark.chaos
PEOPLE = 5_000
HOME = "/w/harbour-grants"
# what becomes of whom the sandbox plays these with, at the end
ENDS = {
    "bounce": Status.BOUNCED,
    "softbounce": Status.BOUNCED_SOFT,
    "defer": Status.DELIVERED,
    "drop": Status.DROPPED,
    "late-bounce": Status.BOUNCED,
    "complain": Status.DELIVERED,
    "autoreply": Status.DELIVERED,
    "refuse": Status.BOUNCED,
    "busy": Status.DELIVERED,
    "hang": Status.DELIVERED,
    "silent": Status.SENT,
}
RARE = {"busy": 20, "hang": 20}  # those take minutes or seconds each
FINAL_SECONDS = 900


def people() -> bytes:
    """A CSV: names of all scripts, every outcome, blanks, malformed and double addresses."""
    tags = [tag for tag in TAGS for _ in range(RARE.get(tag, 100))]
    file = io.StringIO()
    writer = csv.writer(file, delimiter=";")
    writer.writerow(["First name", "Last name", "Email"])
    for number in range(PEOPLE):
        first, last = NAMES[number % len(NAMES)]
        tag = f"+{tags[number]}" if number < len(tags) else ""
        address = f"p{number}{tag}@example.org"
        if number % 50 == 49:
            address = random.choice(["", " ", *MALFORMED])
        elif number % 50 == 24 and not tag:
            address = f"P{number - 1}@EXAMPLE.org"
        writer.writerow([first, last, address])
    return b"\xef\xbb\xbf" + file.getvalue().encode()


@pytest.fixture
def installation(database_url: str, tmp_path: Path) -> Iterator[Installation]:
    settings = {"LEASE_SECONDS": "5"}
    if not database_url.startswith("sqlite"):
        _empty(database_url)
        settings["DATABASE_URL"] = database_url
    running = start_installation(tmp_path, **settings)
    yield running
    running.process.terminate()
    running.process.wait(30)


def _empty(database_url: str) -> None:
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()


def set_up(newcomer: Newcomer) -> str:
    """Sign in, add both plugins, import the people, write an email; where it is sent."""
    page = newcomer.get("/sign-in")
    newcomer.submit(page, "sign-in", email=SIGN_INS[0][0], password=PASSWORD)
    for plugin in ("bulk_email", "email_tracker"):
        newcomer.submit(newcomer.get(f"{HOME}/marketplace/{plugin}/install"), f"{plugin}/install")
    page = newcomer.upload(newcomer.get(f"{HOME}/data/import"), "import", "all.csv", people())
    page = newcomer.submit(page, "/map")
    while "records imported" not in page.words:
        time.sleep(0.5)
        page = newcomer.get(page.url)
    form_id = re.search(r"/data/(\d+)/", page.url)[1]

    page = newcomer.submit(newcomer.get(f"{HOME}/emails"), "emails/new")
    newcomer.submit(page, "/compose", form_id=form_id, then="")
    page = newcomer.get(page.url)
    body = 'Dear {{ first_name | default: "friend" }}, welcome.'
    newcomer.submit(page, "/compose", subject="To everybody", body=body)
    return page.url.replace("/compose", "")


def send(newcomer: Newcomer, email: str) -> None:
    page = newcomer.get(f"{email}/send")
    number = re.search(r"Type ([\d,]+) to confirm", page.words)[1]
    newcomer.submit(page, "/send", number=number)


class Watching:
    """Polls the email's page as it polls itself, and adds up what it says."""

    def __init__(self, newcomer: Newcomer, email: str) -> None:
        self._newcomer, self._email = newcomer, email
        self.polls, self.unbalanced = 0, []
        self.parts: Counter = Counter()
        self.seen: set[str] = set()  # every status that somebody had at a poll

    def look(self) -> Counter:
        page = self._newcomer.get(f"{self._email}/live/overview?version=0", part=True)
        books = r"([\d,]+) selected =((?: \+? ?[\d,]+ [a-z ]+?)+) (?:What|On)"
        found = re.search(books, page.words)
        assert found, page.words[:500]
        parts = re.findall(r"([\d,]+) ([a-z ]+?)(?= \+|$)", found[2])
        self.parts = Counter({words: _number(number) for number, words in parts})
        self.polls += 1
        if self.parts.total() != _number(found[1]):
            self.unbalanced.append(found[0])
        return self.parts


def _number(text: str) -> int:
    return int(text.replace(",", ""))


def nothing(installation: Installation, turn: int) -> int:
    return 0


def kill_a_worker(installation: Installation, turn: int) -> int:
    """Horses, lanes or clocks: everything that is two steps below `up`, ten times."""
    below = descendants(installation.process.pid)
    deep = [pid for pid in below if parent_of(pid) != installation.process.pid]
    if turn >= 10 or not deep:
        return 0
    kill(random.choice(deep))
    return 1


def flush_redis(installation: Installation, turn: int) -> int:
    if turn < 5:
        with redis.Redis(unix_socket_path=str(installation.data / "redis.sock")) as client:
            client.flushall()
    return 0


@only_long
@pytest.mark.parametrize("disturb", [nothing, kill_a_worker, flush_redis])
def test_a_list_of_5000(
    installation: Installation, database_url: str, request: pytest.FixtureRequest, disturb: Callable
) -> None:
    newcomer = Newcomer(installation.address)
    email = set_up(newcomer)
    send(newcomer, email)
    began = time.monotonic()
    watching, kills, turn = Watching(newcomer, email), 0, 0
    engine = create_engine(
        f"sqlite:///{installation.data / 'email-tracker.db'}"
        if database_url.startswith("sqlite")
        else database_url
    )
    while not is_settled(engine):
        assert time.monotonic() - began < FINAL_SECONDS, statuses(engine)
        parts = watching.look()
        watching.seen |= statuses(engine).keys()
        if parts.total() == PEOPLE and not installation.process.poll():
            kills += disturb(installation, turn)
            turn += 1
        if rows(
            engine, "SELECT 1 FROM bulk_emails WHERE pause_topic = 'bounces' AND stage = 'paused'"
        ):
            newcomer.submit(
                newcomer.get(f"{email}/do/resume"), "/resume"
            )  # it asks; we know of them
        time.sleep(0.5)
    watching.look()
    finding = judge(engine, installation, watching, f"{PEOPLE} people, {disturb.__name__}", kills)
    engine.dispose()
    Telling(request.node).append(finding)
    assert finding.ok, finding.broken


def is_settled(engine: Engine) -> bool:
    """Everybody is frozen, and but for +silent all have a final word."""
    found = rows(engine, "SELECT status, address FROM recipients")
    moving = (Status.QUEUED, Status.RETRYING, Status.SENT, Status.DEFERRED)
    waiting = [address for status, address in found if _status(status) in moving]
    return len(found) == PEOPLE and all("+silent" in address for address in waiting)


def statuses(engine: Engine) -> dict[str, int]:
    found = rows(engine, "SELECT status, count(*) FROM recipients GROUP BY status")
    return {_status(rank).value: number for rank, number in found}


def wrong_ends(engine: Engine) -> list[tuple[str, str]]:
    """Whose status is not what the sandbox played, and not in doubt either."""
    tagged = rows(engine, "SELECT address, status FROM recipients WHERE address LIKE 'p%+%@%'")
    played = (
        (address, _status(rank), address.split("+")[1].split("@")[0]) for address, rank in tagged
    )
    return [
        (address, status.value)
        for address, status, tag in played
        if status not in (ENDS[tag], Status.UNCONFIRMED)
    ]


def judge(
    engine: Engine, installation: Installation, watching: Watching, fault: str, kills: int
) -> Finding:
    """What the rows say, what the pages said, and what the sandbox kept."""
    found = statuses(engine)
    with sqlite3.connect(installation.data / "sandbox.db") as kept:
        mails = Counter(
            dict(
                kept.execute("SELECT message_id, count(*) FROM mails WHERE token != '' GROUP BY 1")
            )
        )
    doubled = sum(number > 1 for number in mails.values())
    missing = set(Label) - {label_of(Status(name)) for name in watching.seen | found.keys()}
    waiting = found.get("queued", 0) + found.get("retrying", 0)
    final = ("sent", "deferred", "bounced_soft", "delivered", "bounced", "dropped")
    refused = rows(engine, "SELECT count(*) FROM recipients WHERE address LIKE '%+refuse%'")[0][0]
    untrue = sum(found.get(name, 0) for name in final) - refused - len(mails)
    lost = waiting + max(0, untrue)
    broken = {
        f"books that do not balance: {watching.unbalanced[:2]}": watching.unbalanced,
        f"{lost} lost": lost,
        f"{doubled} doubled": doubled,
        f"never seen: {missing}": missing,
        f"other ends than were played: {wrong_ends(engine)[:3]}": wrong_ends(engine),
        "not everybody was selected": watching.parts.total() != PEOPLE,
    }
    return Finding(
        fault=fault,
        database=engine.dialect.name,
        kills=kills,
        mails=mails.total(),
        lost=lost,
        doubled=doubled,
        unflagged=doubled,
        unconfirmed=found.get("unconfirmed", 0),
        ok=not any(broken.values()),
        broken=tuple(sentence for sentence, is_broken in broken.items() if is_broken),
        figures={"polls": watching.polls, "statuses": found},
    )


def rows(engine: Engine, statement: str) -> list:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        return connection.execute(text(statement)).all()


def _status(rank: int) -> Status:
    return list(Status)[rank]
