"""A test mail: what the person will get, to one address, counted nowhere."""

import email
import email.policy

import pytest
from sqlalchemy import func, select

from tests import makers
from tests.smtp_server import SmtpServer
from webapp.bulk_email import testing
from webapp.delivery import tokens
from webapp.delivery.models import Attempt, Recipient
from webapp.extensions import db
from webapp.forms.models import Record
from webapp.mail.merging import MergeError

pytestmark = pytest.mark.database


@pytest.fixture
def make(cast):
    def make_draft(port: int, **values):
        form = makers.make_form(cast.workspace, [("Ann", "ann@x.test"), ("", "bo@x.test")])
        return makers.make_email(form, makers.make_connection(cast.workspace, port), **values)

    return make_draft


def send(draft, record: int = 0) -> str | None:
    records = db.session.query(Record).order_by(Record.id).all()
    return testing.send_test(draft, records[record], "me@acme.test", makers.make_setting())


def test_it_has_the_records_values_and_goes_to_me_alone(make) -> None:
    with SmtpServer() as server:
        assert send(make(server.port)) is None

    ((to, content),) = server.ledger.mails
    mail = email.message_from_bytes(content, policy=email.policy.default)
    assert to == mail["To"] == "me@acme.test"
    assert mail["Subject"] == "Hello Ann"
    assert "Dear Ann" in mail.get_body(("plain",)).get_content()


def test_it_is_counted_nowhere_and_its_token_is_of_its_own_kind(make) -> None:
    with SmtpServer() as server:
        send(make(server.port))

    for model in (Recipient, Attempt):
        assert db.session.scalar(select(func.count()).select_from(model)) == 0
    mail = email.message_from_bytes(server.ledger.mails[0][1])
    token = mail["Message-ID"].strip("<>").split("@")[0]
    assert tokens.read_test_token(makers.TOKEN_KEY, token)
    assert tokens.read_copy_token(makers.TOKEN_KEY, token) is None
    assert mail["List-Unsubscribe"] == "<https://app.test/u/test>"


def test_what_cannot_be_merged_raises(make) -> None:
    with pytest.raises(MergeError):
        send(make(9), record=1)


@pytest.mark.parametrize(
    ("step", "answer", "words"),
    [
        ("rcpt", b"550 5.1.1 no such user", "refused it: 550"),
        ("dot", "close", "hung up"),
        ("banner", b"554 go away", "554"),
    ],
)
def test_a_server_that_does_not_take_it_is_told_in_a_sentence(make, step, answer, words) -> None:
    with SmtpServer(lambda at, to: answer if at == step else None) as server:
        error = send(make(server.port))

    assert words in error


def test_a_server_that_is_not_there_is_told_in_a_sentence(make) -> None:
    assert "cannot be reached" in send(make(9))
