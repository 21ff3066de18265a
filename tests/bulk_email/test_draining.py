"""From Send to the relay's answer, over a real SMTP conversation."""

import time
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from tests import makers
from tests.smtp_server import SmtpServer
from webapp.bulk_email import draining, sending, sweeping
from webapp.bulk_email.in_hand import Hand
from webapp.bulk_email.models import Stage
from webapp.delivery import recomputing, suppressing, tokens
from webapp.delivery.models import Attempt, Recipient, Suppression
from webapp.delivery.models_return import ReturnWay
from webapp.extensions import db
from webapp.lib import clock
from webapp.mail.causes import Cause

pytestmark = pytest.mark.database

PEOPLE = [("Ann", "ann@x.test"), ("Bo", "bo@x.test"), ("Cy", "")]


def assert_balanced(bulk_email) -> None:
    """The Tally is what the rows say, and the rows are what their history says."""
    copies = db.session.scalars(
        select(Recipient).where(Recipient.bulk_email_id == bulk_email.id)
    ).all()
    assert makers.books(bulk_email).selected == len(copies)
    computed = recomputing.computed([copy.id for copy in copies])
    assert computed == {copy.id: copy.status for copy in copies}


def test_everybody_selected_ends_with_a_status(cast) -> None:
    with SmtpServer() as server:
        form = makers.make_form(cast.workspace, PEOPLE)
        bulk_email = makers.make_email(form, makers.make_connection(cast.workspace, server.port))

        makers.send(bulk_email)

    assert makers.statuses(bulk_email) == {
        "ann@x.test": "sent",
        "bo@x.test": "sent",
        "Cy": "failed",
    }
    assert bulk_email.stage == Stage.FINISHED
    assert sorted(server.ledger.addresses) == ["ann@x.test", "bo@x.test"]
    assert_balanced(bulk_email)


@pytest.mark.parametrize("extensions", [("PIPELINING",), ("8BITMIME",)])
@pytest.mark.parametrize(
    ("step", "answer", "status", "cause"),
    [
        ("rcpt", b"550 5.1.1 no such user", "bounced", "mailbox_missing"),
        ("rcpt", b"450 4.2.0 greylisted, come back", "retrying", "greylisted"),
        ("rcpt", b"421 4.3.2 too many connections", "retrying", "too_fast"),
        ("rcpt", b"550-first\r\n550 5.1.1 unknown user", "bounced", "mailbox_missing"),
        ("data", b"452 4.2.2 mailbox full", "retrying", "mailbox_full"),
        ("dot", b"554 5.7.1 looks like spam", "bounced", "blocked_content"),
        ("dot", b"451 4.7.1 try later", "retrying", "too_fast"),
        ("rcpt", "close", "retrying", "unreachable"),
        ("rcpt", "hang", "retrying", "unreachable"),
        ("dot", "close", "unconfirmed", "unknown"),
        ("dot", "hang", "unconfirmed", "unknown"),
        ("dot", b"\x00\xff nonsense", "unconfirmed", "unknown"),
        ("dot", b"250 " + b"long " * 2000, "sent", None),
    ],
)
def test_every_answer_has_its_status(cast, step, answer, status, cause, extensions) -> None:
    def script(at: str, address: str):
        return answer if at == step and address.startswith("ann") else None

    with SmtpServer(script, extensions) as server:
        form = makers.make_form(cast.workspace, PEOPLE)
        bulk_email = makers.make_email(form, makers.make_connection(cast.workspace, server.port))
        makers.send(bulk_email)

    assert makers.statuses(bulk_email)["ann@x.test"] == status
    assert makers.statuses(bulk_email)["bo@x.test"] == "sent"
    ann = db.session.scalar(select(Recipient).where(Recipient.address == "ann@x.test"))
    assert ann.cause == cause
    assert ann.in_flight_at is None
    assert_balanced(bulk_email)


def test_a_refusal_that_speaks_of_us_pauses_the_email_and_fails_nobody(cast) -> None:
    denying = [True]

    def script(at: str, address: str):
        return b"550 5.7.1 relay access denied" if at == "rcpt" and denying[0] else None

    with SmtpServer(script) as server:
        form = makers.make_form(cast.workspace, PEOPLE[:2])
        bulk_email = makers.make_email(form, makers.make_connection(cast.workspace, server.port))
        makers.send(bulk_email)
        assert bulk_email.stage == Stage.PAUSED
        assert "relay access denied" in bulk_email.pause_reason
        assert "failed" not in makers.statuses(bulk_email).values()
        denying[0] = False
        sending.resume(bulk_email, cast.alice)
        makers.draining.drain(makers.make_setting(), 10)

    assert set(makers.statuses(bulk_email).values()) == {"sent"}
    assert_balanced(bulk_email)


def test_who_is_refused_again_after_a_person_resumed_has_failed(cast) -> None:
    def script(at: str, address: str):
        is_ann = at == "rcpt" and address.startswith("ann")
        return b"550 5.7.1 relay access denied" if is_ann else None

    with SmtpServer(script) as server:
        form = makers.make_form(cast.workspace, PEOPLE[:2])
        bulk_email = makers.make_email(form, makers.make_connection(cast.workspace, server.port))
        makers.send(bulk_email)
        sending.resume(bulk_email, cast.alice)
        makers.draining.drain(makers.make_setting(), 10)

    assert makers.statuses(bulk_email) == {"ann@x.test": "failed", "bo@x.test": "sent"}
    assert bulk_email.stage == Stage.FINISHED


def test_refused_credentials_ask_a_person(cast) -> None:
    with SmtpServer(lambda at, address: b"554 not you" if at == "banner" else None) as server:
        form = makers.make_form(cast.workspace, PEOPLE[:1])
        bulk_email = makers.make_email(form, makers.make_connection(cast.workspace, server.port))
        makers.send(bulk_email)

    assert bulk_email.stage == Stage.PAUSED
    assert "554 not you" in bulk_email.pause_reason


def test_a_backup_takes_over_while_the_first_cannot_be_reached(cast) -> None:
    with SmtpServer() as server:
        backup = makers.make_connection(cast.workspace, server.port, name="Second")
        first = makers.make_connection(cast.workspace, port=9, backup_id=backup.id)
        bulk_email = makers.make_email(makers.make_form(cast.workspace, PEOPLE[:2]), first)
        makers.send(bulk_email)

    assert set(makers.statuses(bulk_email).values()) == {"sent"}
    assert set(db.session.scalars(select(Recipient.connection_id))) == {backup.id}


def test_a_copy_has_a_return_path_of_its_own_where_the_connection_has_one(cast) -> None:
    extensions = ("PIPELINING", "DSN")
    with SmtpServer(extensions=extensions) as server:
        connection = makers.make_connection(cast.workspace, server.port)
        db.session.add(ReturnWay(connection_id=connection.id, address="back@acme.test"))
        form = makers.make_form(cast.workspace, PEOPLE[:1])
        makers.send(makers.make_email(form, connection))

    copy = db.session.scalar(select(Recipient))
    token = tokens.copy_token(makers.TOKEN_KEY, copy.id)
    expected = f"MAIL FROM:<back+{token}@acme.test> RET=HDRS ENVID={token}".encode()
    assert expected in server.commands
    assert b"RCPT TO:<ann@x.test> NOTIFY=SUCCESS,FAILURE,DELAY" in server.commands


def test_a_line_cut_in_mid_data_is_never_taken_for_sent(cast) -> None:
    def script(at: str, address: str):
        return "close" if at == "body" and address.startswith("ann") else None

    with SmtpServer(script) as server:
        form = makers.make_form(cast.workspace, PEOPLE)
        bulk_email = makers.make_email(form, makers.make_connection(cast.workspace, server.port))
        makers.send(bulk_email)

    # the dot may have left before the close was seen: then nobody can tell
    assert makers.statuses(bulk_email)["ann@x.test"] in ("retrying", "unconfirmed")
    assert server.ledger.addresses == ["bo@x.test"]


def test_a_server_that_cannot_be_reached_costs_no_try(cast) -> None:
    form = makers.make_form(cast.workspace, PEOPLE)
    connection = makers.make_connection(cast.workspace, port=9)
    bulk_email = makers.make_email(form, connection)

    makers.send(bulk_email)

    assert makers.statuses(bulk_email)["ann@x.test"] == "queued"
    assert db.session.scalar(select(func.count()).select_from(Attempt)) == 0
    assert "cannot be reached" in connection.pause_reason
    assert connection.paused_until is not None


def test_one_address_gets_one_copy(cast) -> None:
    with SmtpServer() as server:
        form = makers.make_form(cast.workspace, [("Ann", "ann@x.test"), ("Ann 2", "ANN@X.test")])
        bulk_email = makers.make_email(form, makers.make_connection(cast.workspace, server.port))
        makers.send(bulk_email)

    assert server.ledger.addresses == ["ann@x.test"]
    assert makers.statuses(bulk_email) == {"ann@x.test": "sent", "ANN@x.test": "withheld"}


def test_an_address_suppressed_after_preparing_gets_nothing(cast) -> None:
    with SmtpServer() as server:
        form = makers.make_form(cast.workspace, PEOPLE)
        bulk_email = makers.make_email(form, makers.make_connection(cast.workspace, server.port))
        makers.start(bulk_email)
        suppressing.suppress(
            cast.workspace.id, [suppressing.Entry("ann@x.test", Cause.UNSUBSCRIBED)]
        )
        db.session.commit()
        makers.draining.drain(makers.make_setting(), 10)

    assert server.ledger.addresses == ["bo@x.test"]
    assert makers.statuses(bulk_email)["ann@x.test"] == "withheld"
    assert_balanced(bulk_email)


def test_a_mailbox_that_does_not_exist_is_written_to_once(cast) -> None:
    def script(at: str, address: str):
        return b"550 5.1.1 unknown user" if at == "rcpt" and address.startswith("ann") else None

    with SmtpServer(script) as server:
        form = makers.make_form(cast.workspace, PEOPLE)
        makers.send(makers.make_email(form, makers.make_connection(cast.workspace, server.port)))

    entry = db.session.scalar(select(Suppression))
    assert (entry.address, entry.cause) == ("ann@x.test", Cause.MAILBOX_MISSING)


def test_the_same_nonce_sends_once(cast) -> None:
    form = makers.make_form(cast.workspace, PEOPLE)
    bulk_email = makers.make_email(form, makers.make_connection(cast.workspace))

    first = sending.start(bulk_email, nonce="n", by=cast.alice, tracked=True)
    second = sending.start(bulk_email, nonce="n", by=cast.alice, tracked=True)

    assert (first, second) == (True, False)


def test_cancelling_withholds_the_rest(cast) -> None:
    form = makers.make_form(cast.workspace, PEOPLE)
    bulk_email = makers.make_email(form, makers.make_connection(cast.workspace))
    makers.start(bulk_email)

    assert sending.cancel(bulk_email, cast.alice)
    while sending.withhold_some(bulk_email.id):
        pass

    assert set(makers.statuses(bulk_email).values()) == {"withheld", "failed"}
    assert_balanced(bulk_email)


def test_a_doubtful_copy_can_be_sent_again_with_its_message_id(cast) -> None:
    hanging = ["ann@x.test"]

    def script(at: str, address: str):
        return "close" if at == "dot" and address in hanging and not hanging.clear() else None

    with SmtpServer(script) as server:
        form = makers.make_form(cast.workspace, PEOPLE[:1])
        bulk_email = makers.make_email(form, makers.make_connection(cast.workspace, server.port))
        makers.send(bulk_email)
        copy = db.session.scalar(select(Recipient))
        assert copy.status == "unconfirmed"
        assert sending.send_again(bulk_email, [copy.id], cast.alice) == 1
        makers.draining.drain(makers.make_setting(), 10)

    ids = [
        content.split(b"Message-ID: ")[1].split(b"\r\n")[0]
        for content in server.ledger.of("ann@x.test")
    ]
    dates = [
        content.split(b"Date: ")[1].split(b"\r\n")[0] for content in server.ledger.of("ann@x.test")
    ]
    assert len(ids) == 2
    assert len(set(ids)) == len(set(dates)) == 1
    assert_balanced(bulk_email)


def test_past_the_deadline_nothing_is_tried(cast) -> None:
    form = makers.make_form(cast.workspace, PEOPLE)
    bulk_email = makers.make_email(
        form,
        makers.make_connection(cast.workspace),
        deadline=clock.now() - timedelta(minutes=1),
    )
    makers.start(bulk_email)

    sweeping.expire()

    assert set(makers.statuses(bulk_email).values()) == {"failed"}
    assert_balanced(bulk_email)


def test_a_small_email_is_prepared_while_another_is_being_sent(cast) -> None:
    with SmtpServer() as server:
        form = makers.make_form(cast.workspace, PEOPLE)
        connection = makers.make_connection(cast.workspace, server.port)
        first, second = (makers.make_email(form, connection) for _ in range(2))
        makers.start(first)
        sending.start(second, nonce="second", by=cast.alice, tracked=True)
        makers.draining.drain(makers.make_setting(), 10)

    assert makers.statuses(second)["ann@x.test"] == "sent"
    assert_balanced(second)


def test_the_providers_own_id_is_kept_from_its_answer(cast) -> None:
    def script(step: str, address: str) -> bytes | None:
        return b"250 Ok: queued as Zq3xwAbC" if step == "dot" else None

    with SmtpServer(script) as server:
        for name in ("sendgrid", "postmark"):
            form = makers.make_form(cast.workspace, [("Ann", "ann@x.test")])
            connection = makers.make_connection(cast.workspace, server.port, provider=name)
            makers.send(makers.make_email(form, connection))

    kept = db.session.scalars(select(Recipient.provider_message_id).order_by(Recipient.id))
    assert kept.all() == ["Zq3xwAbC", None]


@pytest.mark.parametrize("extensions", [(), ("PIPELINING",), ("PIPELINING", "CHUNKING")])
def test_a_server_that_hangs_up_over_many_refusals_leaves_nobody_in_doubt(cast, extensions) -> None:
    """As Exim does: it counts the RSETs after them."""
    refused: list[str] = []

    def script(at: str, address: str):
        if at == "rcpt" and int(address[1:].partition("@")[0]) % 3 == 0:
            refused.append(address)
            return b"450 4.2.0 come back later"
        if at == "rset" and len(refused) > 4:
            refused.clear()
            return "554 Too many nonmail commands"
        return None

    people = [(f"P{n}", f"p{n}@x.test") for n in range(60)]
    with SmtpServer(script, extensions) as server:
        connection = makers.make_connection(cast.workspace, server.port, max_connections=1)
        bulk_email = makers.make_email(makers.make_form(cast.workspace, people), connection)
        makers.send(bulk_email)

    assert Counter(makers.statuses(bulk_email).values()) == {"sent": 40, "retrying": 20}
    assert len(server.ledger.addresses) == len(set(server.ledger.addresses)) == 40
    assert set(db.session.scalars(select(Recipient.attempt_count))) == {1}


def test_the_end_of_a_turn_waits_for_answers_without_asking(cast, monkeypatch) -> None:
    exchanges, exchange = [], Hand.exchange
    monkeypatch.setattr(Hand, "exchange", lambda *asked: exchanges.append(1) or exchange(*asked))
    monkeypatch.setattr(draining, "TURN_SECONDS", 0.1)

    def slowly(step: str, address: str) -> None:
        if step == "dot":
            time.sleep(0.2)  # the relay is far away: turns end meanwhile

    people = [(f"P{n}", f"p{n}@x.test") for n in range(12)]
    with SmtpServer(slowly) as server:
        connection = makers.make_connection(cast.workspace, server.port, max_connections=1)
        bulk_email = makers.make_email(makers.make_form(cast.workspace, people), connection)
        makers.send(bulk_email, group=4)

    assert sorted(server.ledger.addresses) == sorted(address for _, address in people)
    assert len(exchanges) < 100
