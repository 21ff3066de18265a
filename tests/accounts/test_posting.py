"""The installation's own mail: tried again later and later, the same mail every time."""

from datetime import timedelta
from email import message_from_bytes

import pytest

from tests.makers import clock_tomorrow
from tests.smtp_server import SmtpServer
from webapp.accounts import posting
from webapp.accounts.models import Letter
from webapp.extensions import db
from webapp.lib import clock

pytestmark = pytest.mark.database
SENDER = "Email Tracker <tracker@acme.test>"


def write(**values) -> int:
    letter = posting.write("ann@x.test", "Hello", "Some text", **values)
    db.session.commit()
    return letter.id


@pytest.fixture
def later(monkeypatch):
    """A day has passed."""

    def pass_() -> None:
        tomorrow = clock_tomorrow()
        monkeypatch.setattr(posting.clock, "now", lambda: tomorrow)

    return pass_


def test_a_letter_is_posted_once_and_its_text_forgotten(app) -> None:
    letter_id = write(unsubscribe_url="https://app.test/no-mails/x")
    with SmtpServer() as server:
        for _ in range(2):
            posting.post(letter_id, f"smtp://127.0.0.1:{server.port}", SENDER)

    [mail] = server.ledger.of("ann@x.test")
    head = message_from_bytes(mail)
    assert head["List-Unsubscribe"] == "<https://app.test/no-mails/x>"
    assert head["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert db.session.get(Letter, letter_id).text == ""
    assert posting.waiting() == []


def test_what_failed_is_tried_later_and_is_the_same_mail(app, monkeypatch) -> None:
    letter_id = write()
    with SmtpServer(lambda step, _: b"451 later\r\n" if step == "dot" else None) as server:
        url = f"smtp://127.0.0.1:{server.port}"
        posting.post(letter_id, url, SENDER)
        assert posting.waiting() == []  # not at once
        tomorrow = clock_tomorrow()
        monkeypatch.setattr(posting.clock, "now", lambda: tomorrow)
        assert posting.waiting() == [letter_id]
        server.script = lambda step, _: None
        posting.post(letter_id, url, SENDER)

    [mail] = server.ledger.of("ann@x.test")
    letter = db.session.get(Letter, letter_id)
    assert message_from_bytes(mail)["Message-ID"].startswith(f"<letter-{letter_id}-")
    assert (letter.tries, letter.error) == (2, "")


def test_a_letter_in_hand_is_not_taken_by_another(app) -> None:
    letter_id = write()

    first = posting._take(letter_id, SENDER)

    assert first is not None
    assert posting._take(letter_id, SENDER) is None


def test_after_the_last_try_nothing_is_tried(app, monkeypatch) -> None:
    letter_id = write()
    db.session.get(Letter, letter_id).tries = posting.MAX_TRIES
    db.session.commit()

    assert posting._take(letter_id, SENDER) is None


@pytest.mark.parametrize("step", ["banner", "mail", "rcpt"])
def test_a_line_that_breaks_before_the_text_is_tried_again(app, step) -> None:
    letter_id = write()
    with SmtpServer(lambda now, _: "close" if now == step else None) as server:
        posting.post(letter_id, f"smtp://127.0.0.1:{server.port}", SENDER)

    letter = db.session.get(Letter, letter_id)
    assert (letter.handed_at, letter.text, bool(letter.error)) == (None, "Some text", True)


def test_a_line_that_breaks_after_the_last_dot_leaves_a_doubt_and_no_second_mail(
    app, later
) -> None:
    letter_id = write()
    with SmtpServer(lambda step, _: "close" if step == "dot" else None) as server:
        posting.post(letter_id, f"smtp://127.0.0.1:{server.port}", SENDER)

    later()
    assert posting.waiting() == []
    assert posting._take(letter_id, SENDER) is None
    assert db.session.get(Letter, letter_id).error.startswith(posting.DOUBTFUL)
    assert posting.count_troubled(clock.now() - timedelta(days=30)) == (1, 0)


def test_a_worker_that_dies_on_the_wire_leaves_a_doubt_and_no_second_mail(app, later) -> None:
    letter_id = write()
    assert posting._take(letter_id, SENDER)
    posting._Wire(letter_id).reach()  # and here it dies

    later()
    posting.flag_doubtful()

    letter = db.session.get(Letter, letter_id)
    assert posting.waiting() == []
    assert (letter.error, letter.text) == (posting.DOUBTFUL, "")


def test_what_the_relay_took_is_posted_whatever_it_says_to_the_farewell(app) -> None:
    letter_id = write()
    with SmtpServer(lambda step, _: b"421 gone\r\n" if step == "quit" else None) as server:
        posting.post(letter_id, f"smtp://127.0.0.1:{server.port}", SENDER)

    assert db.session.get(Letter, letter_id).posted_at


def test_of_two_workers_one_reaches_the_wire(app) -> None:
    letter_id = write()
    posting._Wire(letter_id).reach()

    with pytest.raises(posting._OvertakenError):
        posting._Wire(letter_id).reach()
