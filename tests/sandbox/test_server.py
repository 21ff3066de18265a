"""What the sandbox answers on the wire."""

import smtplib
import socket
import threading

import pytest

from tests.sandbox.playing import CALM, SECRET, USER, Playing, eventually, make_mail
from webapp.sandbox.browsing import INSTANCE, browse
from webapp.sandbox.outcomes import Manner


def kept(path, tokens=frozenset({USER})) -> list[str]:
    with browse(path, tokens) as browser:
        return [line.address for line in browser.page()[0]]


def test_it_offers_what_a_quick_sender_wants(sandbox: Playing):
    with sandbox.connect() as relay:
        assert {"pipelining", "8bitmime", "smtputf8", "size"} <= relay.esmtp_features.keys()


def test_a_mail_is_stored_before_it_is_answered_for(sandbox: Playing, path):
    sandbox.send("ann@example.org")
    assert kept(path) == ["ann@example.org"]


def test_pipelined_commands_are_answered_in_order(sandbox: Playing):
    with sandbox.connect() as relay:
        relay.send(b"MAIL FROM:<a@x.org>\r\nRCPT TO:<b@x.org>\r\nRCPT TO:<c@x.org>\r\nDATA\r\n")
        assert [relay.getreply()[0] for _ in range(4)] == [250, 250, 250, 354]
        relay.send(b"Subject: two\r\n\r\ntext\r\n.\r\n")
        assert relay.getreply()[0] == 250


@pytest.mark.parametrize(("user", "password"), [("", "x"), (USER, ""), ("a b", "x")])
def test_who_cannot_be_a_connection_is_not_let_in(sandbox: Playing, user: str, password: str):
    with smtplib.SMTP("127.0.0.1", sandbox.port) as relay, pytest.raises(smtplib.SMTPException):
        relay.login(user, password)


def test_bulk_mail_needs_signing_in(sandbox: Playing, path):
    with sandbox.connect(user=None) as relay, pytest.raises(smtplib.SMTPDataError) as error:
        relay.send_message(make_mail("ann@example.org"))
    assert error.value.smtp_code == 530
    assert kept(path) == []


def test_instance_mail_is_kept_and_never_reported(sandbox: Playing, receiver, path):
    message = make_mail("new+bounce@example.org")
    del message["X-Sandbox-Token"]
    with sandbox.connect(user=None) as relay:
        relay.send_message(message)
    sandbox.send("last@example.org")
    eventually(lambda: "delivered" in receiver.told("last@example.org"))
    assert kept(path, INSTANCE) == ["new+bounce@example.org"]
    assert receiver.told("new+bounce@example.org") == []


def test_refuse_says_no_at_rcpt_every_time(sandbox: Playing):
    with sandbox.connect() as relay:
        relay.mail("a@acme.test")
        assert [relay.rcpt("bo+refuse@x.org")[0] // 100 for _ in range(4)] == [5] * 4


def test_busy_says_421_and_hangs_up_twice_then_delivers(sandbox: Playing, receiver):
    for _ in range(2):
        relay = sandbox.connect()
        relay.mail("a@acme.test")
        assert relay.rcpt("bo+busy@x.org")[0] == 421
        with pytest.raises(smtplib.SMTPServerDisconnected):
            relay.noop()
    sandbox.send("bo+busy@x.org")
    eventually(lambda: receiver.told("bo+busy@x.org") == ["processed", "delivered"])


def test_busy_begins_anew_with_the_next_mail(sandbox: Playing):
    codes = []
    for _ in range(6):
        relay = sandbox.connect()
        relay.mail("a@acme.test")
        codes.append(relay.rcpt("bo+busy@x.org")[0])
        relay.close()
    assert codes == [421, 421, 250, 421, 421, 250]


def test_hang_keeps_the_mail_and_breaks_off_once(sandbox: Playing, receiver, path):
    with pytest.raises(smtplib.SMTPServerDisconnected):
        sandbox.send("cy+hang@x.org")
    assert kept(path) == ["cy+hang@x.org"]
    eventually(lambda: receiver.told("cy+hang@x.org") == ["processed", "delivered"])
    sandbox.send("cy+hang@x.org")
    assert kept(path) == ["cy+hang@x.org"] * 2


def test_hang_breaks_off_again_for_another_mail(sandbox: Playing):
    for number in range(2):
        mail = make_mail("cy+hang@x.org")
        mail.replace_header("Message-ID", f"<{number}@acme.test>")
        with pytest.raises(smtplib.SMTPServerDisconnected):
            sandbox.connect().send_message(mail)


def test_many_conversations_at_once_lose_nothing(sandbox: Playing, path):
    def send_some(name: int) -> None:
        with sandbox.connect() as relay:
            for number in range(20):
                relay.send_message(make_mail(f"p{name}-{number}+silent@x.org"))

    threads = [threading.Thread(target=send_some, args=(name,)) for name in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with browse(path, {USER}) as browser:
        assert browser.count() == 120


def test_the_oldest_go_when_there_are_too_many(receiver, path):
    with Playing(path, receiver.url, CALM, cap=100) as sandbox, sandbox.connect() as relay:
        for number in range(420):
            relay.send_message(make_mail(f"p{number}+silent@x.org"))
    with browse(path, {USER}) as browser:
        assert 100 <= browser.count() <= 300
        assert browser.page()[0][0].address == "p419+silent@x.org"


def test_a_long_header_and_wild_bytes_are_kept_as_they_came(sandbox: Playing, path):
    raw = b"Subject: " + b"x" * 30_000 + b"\r\n\r\n\x00\xff\xfe\r\n"
    with sandbox.connect() as relay:
        relay.sendmail("a@acme.test", ["ann@x.org"], raw)
    with browse(path, {USER}) as browser:
        line = browser.page()[0][0]
        assert browser.raw(line) == raw
        assert len(line.subject) == 300


def test_a_client_that_leaves_in_the_middle_harms_nobody(sandbox: Playing, path):
    with socket.create_connection(("127.0.0.1", sandbox.port)) as line:
        line.sendall(b"EHLO x\r\nMAIL FROM:<a@x.org>\r\nRCPT TO:<b@x.org>\r\nDATA\r\nhal")
    sandbox.send("ann@example.org")
    assert kept(path) == ["ann@example.org"]


def test_letters_of_all_scripts_in_an_address(sandbox: Playing, path):
    with sandbox.connect() as relay:
        relay.ehlo()
        options = ["SMTPUTF8", "BODY=8BITMIME"]
        relay.sendmail("a@acme.test", ["josé@bücher.example"], b"\r\nhi", mail_options=options)
    assert kept(path) == ["josé@bücher.example"]


def test_some_reports_come_before_the_answer(receiver, path):
    with Playing(path, receiver.url, Manner(early=1, twice=0, disordered=0)) as sandbox:
        sandbox.send("ann@example.org")
        assert receiver.told("ann@example.org") == ["processed"]


def test_the_secret_of_the_connection_signs(sandbox: Playing, receiver):
    with sandbox.connect(password="another") as relay:
        relay.send_message(make_mail("bo@example.org"))
    eventually(lambda: receiver.forged)
    forged = receiver.forged
    with sandbox.connect(password=SECRET) as relay:
        relay.send_message(make_mail("ann@example.org"))
    eventually(lambda: "delivered" in receiver.told("ann@example.org"))
    assert receiver.forged <= forged + 1
