"""A copied or restored database: nothing leaves before a person has said so."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import NullPool, create_engine, select, text

from tests import makers
from tests.smtp_server import SmtpServer
from webapp import create_app, settings
from webapp.accounts.models import AuditEntry
from webapp.bulk_email import draining
from webapp.delivery import adopting
from webapp.delivery.adopting import Host
from webapp.delivery.models import Doubt, Provenance
from webapp.extensions import db

pytestmark = pytest.mark.database
PEOPLE = [("Ann", "ann@x.test"), ("Bo", "bo@x.test")]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(_folder(tmp_path / "here"), "here")


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def doubts() -> list[str]:
    return [each.doubt for each in adopting.questions()]


def make_sent(cast, server: SmtpServer, host: Host, people=PEOPLE):
    """An email that has been sent from `host`."""
    form = makers.make_form(cast.workspace, people)
    bulk_email = makers.make_email(form, makers.make_connection(cast.workspace, server.port))
    makers.send(bulk_email, may_send=lambda: adopting.may_send(host))
    return bulk_email


@contextmanager
def copied_database(folder: Path) -> Iterator[Flask]:
    """An app on a real copy of the test's database: another file, or CREATE DATABASE … TEMPLATE."""
    db.session.commit()
    url = db.engine.url
    if db.engine.dialect.name == "sqlite":
        copy = url.set(database=str(folder / "copy.db"))
        with sqlite3.connect(url.database) as source, sqlite3.connect(copy.database) as target:
            source.backup(target)
    else:
        copy = url.set(database=f"{url.database}_copy")
        db.engine.dispose()
        server = create_engine(
            url.set(database="postgres"), isolation_level="AUTOCOMMIT", poolclass=NullPool
        )
        with server.connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {copy.database}"))
            connection.execute(text(f"CREATE DATABASE {copy.database} TEMPLATE {url.database}"))
    values = {"SECRET_KEY": "a secret of the tests", "DATA_DIR": str(folder)}
    values["DATABASE_URL"] = copy.render_as_string(hide_password=False)
    app = create_app(settings.read(values))
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


def test_a_first_host_is_taken_without_a_question(cast, host) -> None:
    assert adopting.may_send(host)
    assert doubts() == []


def test_the_counter_rises_and_is_noted_before_anything_leaves(cast, host) -> None:
    adopting.may_send(host)
    first = (host.folder / adopting.NOTE).read_text()
    adopting.may_send(host)

    assert db.session.scalar(select(Provenance.counter)) == 2
    assert (host.folder / adopting.NOTE).read_text() != first


def test_looking_raises_nothing(cast, host) -> None:
    adopting.may_send(host)

    assert adopting.is_trusted(host)
    assert db.session.scalar(select(Provenance.counter)) == 1


def test_a_host_added_before_the_first_mail_is_taken(cast, host, tmp_path) -> None:
    adopting.may_send(host)

    assert adopting.may_send(Host(_folder(tmp_path / "there"), "there"))


def test_an_unknown_host_asks_and_the_known_one_goes_on(cast, host, tmp_path) -> None:
    with SmtpServer() as server:
        make_sent(cast, server, host)
    other = Host(_folder(tmp_path / "there"), "there")

    assert not adopting.may_send(other)
    assert not adopting.may_send(other)
    assert doubts() == [Doubt.UNKNOWN_HOST]
    assert adopting.may_send(host)

    assert adopting.adopt(cast.alice) == 1
    assert adopting.may_send(other)
    assert adopting.may_send(host)
    assert doubts() == []


def test_a_copy_asks_before_it_sends(cast, host, tmp_path) -> None:
    """The data folder was copied with the database."""
    with SmtpServer() as server:
        make_sent(cast, server, host)
        form = makers.make_form(cast.workspace, [("Cy", "cy@x.test")])
        waiting = makers.make_email(form, makers.make_connection(cast.workspace, server.port))
        makers.start(waiting)
        shutil.copytree(host.folder, tmp_path / "there")
        there = Host(tmp_path / "there", "there")
        with copied_database(tmp_path):
            setting = makers.make_setting(may_send=lambda: adopting.may_send(there))
            assert draining.drain(setting, 5) is False
            assert "cy@x.test" not in server.ledger.addresses
            assert doubts() == [Doubt.MOVED]

            adopting.adopt(by=None)
            draining.drain(setting, 5)
            assert "cy@x.test" in server.ledger.addresses
    assert adopting.may_send(host)


@pytest.mark.parametrize("folder_is_copied", [True, False])
def test_a_copy_that_has_only_a_schedule_asks_as_well(
    cast, host, tmp_path, folder_is_copied: bool
) -> None:
    adopting.may_send(host)
    form = makers.make_form(cast.workspace, PEOPLE)
    makers.make_email(form, makers.make_connection(cast.workspace), stage="scheduled")
    there = Host(tmp_path / "there", "there")
    shutil.copytree(host.folder, there.folder) if folder_is_copied else there.folder.mkdir()

    with copied_database(tmp_path):
        assert not adopting.may_send(there)
        assert doubts() == [Doubt.MOVED if folder_is_copied else Doubt.UNKNOWN_HOST]
    assert adopting.may_send(host)


def test_a_restored_backup_asks_on_every_host(cast, host, tmp_path) -> None:
    other = Host(_folder(tmp_path / "there"), "there")
    adopting.may_send(other)
    with SmtpServer() as server:
        make_sent(cast, server, host)
    _restore_counter()

    assert not adopting.may_send(host)
    assert doubts() == [Doubt.RESTORED]
    assert not adopting.may_send(other)

    adopting.adopt(cast.alice)
    assert adopting.may_send(host)
    assert adopting.may_send(other)


def _restore_counter() -> None:
    """As a backup from before the last turn has it."""
    db.session.execute(text("UPDATE provenance SET counter = counter - 1"))
    db.session.commit()


def test_adopting_is_audited(cast, host) -> None:
    with SmtpServer() as server:
        make_sent(cast, server, host)
    _restore_counter()
    adopting.may_send(host)

    adopting.adopt(cast.alice)

    entry = db.session.scalar(select(AuditEntry).where(AuditEntry.action == "database.adopted"))
    assert entry.user_id == cast.alice.id
    assert entry.details == {"hosts": ["here"], "why": ["restored"]}


def test_adopting_where_nobody_asks_does_nothing(cast, host) -> None:
    adopting.may_send(host)
    before = db.session.scalar(select(Provenance.installation_id))

    assert adopting.adopt(cast.alice) == 0
    assert db.session.scalar(select(Provenance.installation_id)) == before


def test_an_answer_that_nobody_fetched_is_old_after_an_hour(cast, host, tmp_path) -> None:
    with SmtpServer() as server:
        make_sent(cast, server, host)
    other = Host(_folder(tmp_path / "there"), "there")
    adopting.may_send(other)
    adopting.adopt(cast.alice)
    db.session.execute(text("UPDATE sending_hosts SET adopted_at = '2020-01-01 00:00:00'"))

    db.session.commit()
    assert not adopting.may_send(other)


def test_every_doubt_has_a_sentence() -> None:
    assert set(adopting.SENTENCES) == set(Doubt)
    assert all("{host}" in each for each in adopting.SENTENCES.values())


def test_places_of_two_databases_differ(cast, tmp_path) -> None:
    here = adopting._place(db.engine)
    with copied_database(tmp_path):
        assert adopting._place(db.engine) != here
