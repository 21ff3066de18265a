"""The page of a connection's bounce mailbox: refuses what cannot be, keeps what was typed."""

import pytest
from flask import url_for

from tests.email_tracker.mailbox_server import Mailbox
from webapp.delivery.models import Connection
from webapp.delivery.models_return import ReturnWay
from webapp.extensions import db

pytestmark = pytest.mark.database
TYPED = {
    "address": "Bounces@acme.test", "kind": "imap", "host": "127.0.0.1", "port": "993",
    "security": "none", "username": "bounces", "password": "secret", "folder": "",
    "done_folder": "",
}  # fmt: skip


@pytest.fixture
def page(connection: Connection, cast, app) -> str:
    with app.test_request_context():
        return url_for(
            "email_tracker.return_way", slug=cast.workspace.slug, connection_id=connection.id
        )


def test_what_was_typed_is_stored_and_the_password_encrypted(sign_in, cast, connection, page):
    answer = sign_in(cast.alice).post(page, data=TYPED)
    assert answer.status_code == 303
    way = db.session.get(ReturnWay, connection.id)
    assert (way.address, way.folder, way.password) == ("bounces@acme.test", "INBOX", "secret")

    html = sign_in(cast.alice).get(page).text
    assert "bounces+token@acme.test" in html
    assert "secret" not in html


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"address": "not an address"}, "address-error"),
        ({"address": "a-very-long-name-for-bounces@acme.test"}, "Choose a shorter one"),
        ({"kind": "gopher"}, "Choose one from the list"),
        ({"host": "two words"}, "Write the name of the mail server"),
        ({"port": "99999"}, "A port is a number"),
        ({"username": "a\r\nb"}, "control character"),
        ({"password": ""}, "Write the password"),
        ({"done_folder": "INBOX"}, "cannot be moved to where they are taken from"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_stored(
    sign_in, cast, connection, page, wrong: dict, said: str
):
    answer = sign_in(cast.alice).post(page, data=TYPED | wrong)
    assert answer.status_code == 422
    assert said in answer.text
    assert db.session.get(ReturnWay, connection.id) is None


def test_a_blank_address_ends_it(sign_in, cast, connection, page):
    client = sign_in(cast.alice)
    client.post(page, data=TYPED)
    client.post(page, data=TYPED | {"address": "", "password": ""})
    way = db.session.get(ReturnWay, connection.id)
    assert (way.address, way.kind, way.password) == ("", "none", "secret")


def test_looking_now_says_what_the_mail_server_says(sign_in, cast, connection, page):
    client = sign_in(cast.alice)
    with Mailbox("imap", []) as mailbox:
        client.post(page, data=TYPED | {"port": str(mailbox.port)})
        client.post(page + "/look")
        assert "let us in" in client.get(page).text
        mailbox.password = "another"
        client.post(page + "/look")
        assert "wrong password" in client.get(page).text


def test_the_page_keeps_saying_what_a_failed_look_said_until_one_goes_well(
    sign_in, cast, connection, page
):
    client = sign_in(cast.alice)
    with Mailbox("imap", []) as mailbox:
        client.post(page, data=TYPED | {"port": str(mailbox.port)})
        assert "Not looked into yet" in client.get(page).text
        mailbox.password = "another"
        client.post(page + "/look")
        client.get(page)  # where the notice is shown, once
        said = client.get(page).text
        assert ("wrong password" in said, "Not looked into yet" in said) == (True, False)

        mailbox.password = "secret"
        client.post(page + "/look")
        client.get(page)
        assert "wrong password" not in client.get(page).text


def test_the_connection_shows_where_mail_comes_back_to(sign_in, cast, connection, page):
    client = sign_in(cast.alice)
    assert "No bounce address is set" in client.get(page.removesuffix("/bounces")).text
    client.post(page, data=TYPED)
    assert "bounces@acme.test" in client.get(page.removesuffix("/bounces")).text
