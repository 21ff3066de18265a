"""The mailbox behind a bounce address is emptied; nothing leaves it before it is ours."""

import pytest
from sqlalchemy import func, select

from tests.email_tracker.mailbox_server import Mailbox
from tests.email_tracker.returned import bounce
from webapp.delivery.models import Arrival, Connection
from webapp.delivery.models_return import ReturnWay
from webapp.email_tracker import polling, taking_in
from webapp.extensions import db

pytestmark = pytest.mark.database
MAILS = [bounce(number) for number in range(3)]


@pytest.fixture(params=["imap", "pop"])
def mailbox(request):
    with Mailbox(request.param, MAILS) as server:
        server.kind = request.param
        yield server


@pytest.fixture
def way(connection: Connection, mailbox: Mailbox) -> ReturnWay:
    values = {"host": "127.0.0.1", "port": mailbox.port, "security": "none", "kind": mailbox.kind}
    found = ReturnWay(
        connection_id=connection.id, address="bounces@acme.test", username="b", password="secret",
        **values,
    )  # fmt: skip
    db.session.add(found)
    db.session.commit()
    return found


def stored() -> int:
    return db.session.scalar(select(func.count(Arrival.id)))


def test_every_mail_is_taken_and_then_deleted(way: ReturnWay, mailbox: Mailbox):
    assert polling.due() == [way.connection_id]
    assert polling.look(way.connection_id, verify=True) == 3
    assert (stored(), mailbox.mails, way.taken, way.error) == (3, {}, 3, "")
    assert polling.due() == []
    assert {bytes(row.body) for row in db.session.scalars(select(Arrival))} == set(MAILS)


def test_a_mail_that_could_not_be_stored_stays(way: ReturnWay, mailbox: Mailbox, monkeypatch):
    def fail(*_):
        raise OSError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(taking_in, "take_in", fail)
        polling.look(way.connection_id, verify=True)
    assert (len(mailbox.mails), stored(), way.failures) == (3, 0, 1)
    assert polling.due() == []

    polling.look(way.connection_id, verify=True)
    assert (mailbox.mails, stored(), way.failures) == ({}, 3, 0)


def test_mails_still_there_after_they_were_stored_are_stored_once(way, mailbox: Mailbox):
    polling.look(way.connection_id, verify=True)
    mailbox.mails = dict(enumerate(MAILS, 10))
    assert polling.look(way.connection_id, verify=True) == 3
    assert (stored(), mailbox.mails) == (3, {})


def test_a_wrong_password_is_said_and_the_pause_grows(way: ReturnWay, mailbox: Mailbox):
    mailbox.password = "another"
    for failures in (1, 2):
        polling.look(way.connection_id, verify=True)
        assert way.failures == failures
    assert "wrong password" in way.error
    assert len(mailbox.mails) == 3


def test_a_server_that_is_away_is_said(way: ReturnWay, mailbox: Mailbox):
    way.port = 1
    db.session.commit()
    polling.look(way.connection_id, verify=True)
    assert way.error.startswith("127.0.0.1 cannot be reached")


@pytest.mark.parametrize("mailbox", ["imap"], indirect=True)
def test_what_was_read_is_moved_where_a_folder_is_given(way: ReturnWay, mailbox: Mailbox):
    way.done_folder = "Done & é"
    db.session.commit()
    polling.look(way.connection_id, verify=True)
    assert (mailbox.kept, mailbox.mails) == (MAILS, {})


@pytest.mark.parametrize("mailbox", ["imap"], indirect=True)
def test_a_folder_that_is_not_there_is_said_before_anything_is_read(way, mailbox: Mailbox):
    way.done_folder = "Nowhere"
    db.session.commit()
    mailbox_of = polling.mailbox_of(way, verify=True)
    assert "There is no folder Nowhere" in polling.try_out(mailbox_of)
    assert mailbox.log == []
