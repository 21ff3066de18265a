"""The bounce receiver as a process part: real SMTP and LMTP, thanked for after the commit."""

import smtplib
import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from tests import makers
from tests.email_tracker.returned import bounce
from webapp.delivery import tokens
from webapp.delivery.models import Arrival, Connection, Recipient
from webapp.delivery.models_return import ReturnWay
from webapp.email_tracker import taking_in
from webapp.extensions import db
from webapp.running import receiving, serving

pytestmark = [pytest.mark.database, pytest.mark.redis]


@pytest.fixture
def return_path(app: Flask, cast) -> str:
    connection = makers.make_connection(cast.workspace)
    form = makers.make_form(cast.workspace, [("Ann", "ann@x.test")])
    makers.start(makers.make_email(form, connection))
    db.session.add(ReturnWay(connection_id=connection.id, address="bounces@acme.test"))
    db.session.commit()
    copy_id = db.session.scalar(select(Recipient.id))
    db.session.rollback()  # the receiver's thread has a transaction of its own
    token = tokens.copy_token(app.config["TOKEN_KEY"], copy_id)
    return tokens.return_path(token, "bounces@acme.test")


@pytest.fixture(params=[False, True], ids=["smtp", "lmtp"])
def client(app: Flask, request, return_path: str) -> Iterator[smtplib.SMTP]:
    """A mail server's conversation with a running receiver."""
    listening = serving.bind("127.0.0.1", 0, "BOUNCE_PORT")
    stop = threading.Event()
    thread = threading.Thread(
        target=receiving.serve,
        args=(app, listening),
        kwargs={"should_stop": stop.is_set, "is_lmtp": request.param},
    )
    thread.start()
    kind = smtplib.LMTP if request.param else smtplib.SMTP
    with kind("127.0.0.1", listening.getsockname()[1], timeout=30) as conversation:
        yield conversation
    stop.set()
    thread.join(30)


def test_a_mail_to_a_return_path_is_stored_with_it(client, return_path: str):
    client.sendmail("", [return_path], bounce())
    arrival = db.session.scalar(select(Arrival))
    assert (arrival.provider, arrival.headers["envelope-to"]) == ("bounce", return_path)
    assert bytes(arrival.body) == bounce()


def test_nothing_is_taken_for_addresses_that_are_not_ours(client, return_path: str):
    client.ehlo_or_helo_if_needed()
    client.mail("ann@x.test")
    assert client.rcpt("ann@elsewhere.test")[0] == 550
    assert client.rcpt(return_path.replace("acme.test", "other.test"))[0] == 250  # its token
    assert client.rcpt("bounces@acme.test")[0] == 250


def test_trouble_of_ours_is_tried_again_later(client, return_path: str, monkeypatch):
    def fail(*_):
        raise OperationalError("INSERT", {}, Exception("the database is away"))

    monkeypatch.setattr(taking_in, "take_in", fail)
    client.ehlo_or_helo_if_needed()
    client.mail("")
    client.rcpt(return_path)
    assert client.data(bounce())[0] == 451
    assert db.session.scalar(select(Arrival)) is None


def test_a_removed_workspace_takes_nothing(client, return_path: str):
    db.session.query(Connection).delete()
    db.session.commit()
    client.ehlo_or_helo_if_needed()
    client.mail("")
    assert client.rcpt("bounces@acme.test")[0] == 550
