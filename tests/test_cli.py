"""The console script as people call it."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from webapp.cli import commands
from webapp.running import seeding
from webapp.sandbox import outcomes

SCRIPT = Path(sys.executable).parent / "email-tracker"
OWNER = ("--address", "Olga@Example.org", "--name", "Olga", "--workspace", "Île d’Or")


@pytest.fixture
def call(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess]:
    """`email-tracker …` on an empty data folder."""

    def run(*words: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [SCRIPT, *words],
            env=os.environ | {"DATA_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


def rows(folder: Path, sql: str) -> list[tuple]:
    with sqlite3.connect(folder / "email-tracker.db") as connection:
        return connection.execute(sql).fetchall()


def test_help_teaches_the_first_steps(call: Callable):
    text = call("--help").stdout
    assert "email-tracker up --demo" in text
    assert all(command in text for command in commands.commands)


@pytest.mark.parametrize("command", sorted(commands.commands))
def test_every_command_explains_itself(command: str):
    assert commands.commands[command].help
    options = [each for each in commands.commands[command].params if each.name != "files"]
    assert all(getattr(option, "help", "") for option in options)


def test_init_makes_the_owner_and_the_first_workspace(call: Callable, tmp_path: Path):
    done = call("init", *OWNER, "--password", "long enough, surely")

    assert done.returncode == 0, done.stderr
    assert rows(tmp_path, "SELECT email, name FROM users") == [("olga@example.org", "Olga")]
    assert rows(tmp_path, "SELECT name, slug FROM workspaces") == [("Île d’Or", "ile-dor")]
    assert rows(tmp_path, "SELECT role FROM members") == [("owner",)]


def test_replay_says_what_it_would_change(call: Callable):
    call("init", *OWNER, "--password", "long enough, surely")
    done = call("replay", "--since", "2026-01-01")

    assert (done.returncode, done.stderr) == (0, "")
    assert "0 stored reports were read again." in done.stdout
    assert "Nothing changes" in done.stdout
    assert call("replay", "--provider", "pigeon").returncode == 2


def test_init_twice_is_refused(call: Callable):
    call("init", *OWNER, "--password", "long enough, surely")
    again = call("init", *OWNER, "--password", "long enough, surely")
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    assert "ask an owner for an invitation" in again.stderr


def test_init_refuses_a_short_password(call: Callable):
    assert "at least 10 characters" in call("init", *OWNER, "--password", "short").stderr


def test_somebody_is_shut_out_and_let_in_again(call: Callable, tmp_path: Path):
    call("init", *OWNER, "--password", "long enough, surely")
    assert "Nobody signs in as" in call("disable", "--address", "x@example.org").stderr

    assert "is shut out" in call("disable", "--address", "Olga@example.org").stdout
    assert rows(tmp_path, "SELECT active FROM users") == [(0,)]
    call("disable", "--address", "olga@example.org", "--undo")
    assert rows(tmp_path, "SELECT active FROM users") == [(1,)]


def test_seed_adds_people_and_doctor_says_what_is_missing(call: Callable, tmp_path: Path):
    call("init", *OWNER, "--password", "long enough, surely")
    assert "300 people" in call("seed", "--people", "300").stdout
    assert rows(tmp_path, "SELECT count(*) FROM records") == [(300,)]

    report = call("doctor")
    assert report.returncode == 1
    assert "ok  tables: up to date" in report.stdout
    assert "NOT redis:" in report.stdout


def test_a_worker_says_what_it_lacks(call: Callable):
    assert "secret-key" in call("worker").stderr
    call("init", *OWNER, "--password", "long enough, surely")
    assert "The Redis at" in call("worker").stderr
    assert (
        "the lanes are sending, digesting, telling, chores" in call("worker", "--lanes", "x").stderr
    )


def test_the_demo_has_every_kind_of_trouble():
    addresses = [row[2] for row in seeding.generate(seeding.PEOPLE)]
    folded = [address.lower() for address in addresses if address]

    assert len(addresses) == 240
    assert addresses.count("") >= 4
    assert len(folded) > len(set(folded))
    assert any(address.count("@") != 1 for address in folded)
    for tag in outcomes.TAGS:
        assert any(f"+{tag}@" in address for address in folded), tag


def test_the_demo_is_the_same_everywhere():
    assert list(seeding.generate(50)) == list(seeding.generate(50))


def test_a_database_that_was_moved_is_adopted_once(call: Callable, tmp_path: Path):
    call("init", *OWNER, "--password", "long enough, surely")
    assert "No host is in doubt" in call("adopt").stdout
    with sqlite3.connect(tmp_path / "email-tracker.db") as connection:
        connection.execute("UPDATE provenance SET counter = counter - 1")  # an older backup
    connection.close()

    assert "looks like a restored backup" in call("doctor").stdout + call("adopt").stdout
    assert "No host is in doubt" in call("adopt").stdout
    assert rows(tmp_path, "SELECT action FROM audit_entries")[-1] == ("database.adopted",)


def test_a_receiver_without_a_port_is_refused_with_a_sentence(call: Callable):
    call("init", *OWNER, "--password", "long enough, surely")
    done = call("receiver")
    assert (done.returncode, done.stderr.strip()) == (
        2,
        "email-tracker: BOUNCE_PORT is not set: give the receiver a port.",
    )


def test_data_centres_are_named_listed_and_forgotten(call: Callable, tmp_path: Path):
    call("init", *OWNER, "--password", "long enough, surely")
    (tmp_path / "cloud.json").write_text('[{"ipv4Prefix": "192.0.2.0/24"}]')

    assert "cloud: 1 networks" in call("data-centres", f"{tmp_path}/cloud.json").stdout
    assert "No networks are known" in call("data-centres", "--forget", "cloud").stdout
