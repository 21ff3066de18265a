"""Unsubscribing (RFC 8058): from the header's link, without signing in, and never by a GET."""

import re

import pytest
from sqlalchemy import select

from tests import makers
from tests.smtp_server import SmtpServer
from webapp.bulk_email import draining
from webapp.bulk_email.models import PublicLook
from webapp.delivery import suppressing
from webapp.delivery.models import Recipient
from webapp.extensions import db
from webapp.mail.causes import Cause

pytestmark = pytest.mark.database


@pytest.fixture
def mail(app, cast) -> bytes:
    """A mail that was really sent, with this app's own tokens."""
    form = makers.make_form(cast.workspace, [("Ann", "ann@x.test")])
    with SmtpServer() as server:
        email = makers.make_email(form, makers.make_connection(cast.workspace, server.port))
        makers.start(email)
        setting = makers.make_setting(
            token_key=app.config["TOKEN_KEY"], base_url="http://localhost"
        )
        draining.drain(setting, 10)
    return server.ledger.mails[0][1]


@pytest.fixture
def path(mail) -> str:
    return re.search(rb"List-Unsubscribe: <http://localhost(/u/[^>]+)>", mail)[1].decode()


def test_the_mail_has_both_headers_and_the_link(mail, path) -> None:
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in mail
    assert mail.replace(b"=\r\n", b"").count(path.encode()) == 3


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_looking_changes_nothing(cast, client, path, method) -> None:
    answer = client.open(path, method=method)

    assert answer.status_code == 200
    assert makers.suppressed_addresses(cast.workspace) == []


def test_the_page_asks_with_a_button(client, path) -> None:
    text = client.get(path).text

    assert "Acme Grants" in text
    assert "ann@x.test" in text
    assert "Unsubscribe</button>" in text


@pytest.mark.parametrize(
    "data", [{"List-Unsubscribe": "One-Click"}, {}, {"List-Unsubscribe": "x", "again": "no"}]
)
def test_one_post_is_enough_with_no_sign_in_and_no_token(app, cast, client, path, data):
    app.config["WTF_CSRF_ENABLED"] = True
    try:
        answer = client.post(path, data=data, headers={"Origin": "https://mail.example"})
    finally:
        app.config["WTF_CSRF_ENABLED"] = False

    assert answer.status_code == 200
    assert "You are unsubscribed" in answer.text
    assert makers.suppressed_addresses(cast.workspace) == ["ann@x.test"]


def test_twice_is_once(cast, client, path) -> None:
    for _ in range(3):
        assert client.post(path).status_code == 200

    assert makers.suppressed_addresses(cast.workspace) == ["ann@x.test"]


def test_the_next_email_is_withheld(cast, client, path) -> None:
    client.post(path)
    form = makers.make_form(cast.workspace, [("Ann", "ANN@x.test")])
    email = makers.make_email(form, makers.make_connection(cast.workspace))
    makers.start(email)

    copy = db.session.scalars(select(Recipient).where(Recipient.bulk_email_id == email.id)).one()
    assert (copy.status.value, copy.cause) == ("withheld", Cause.UNSUBSCRIBED)


def test_the_person_can_take_it_back(cast, client, path) -> None:
    client.post(path)

    assert "Do you want no more mail" in client.post(path, data={"again": "yes"}).text
    assert makers.suppressed_addresses(cast.workspace) == []


def test_nobody_lifts_what_others_decided(cast, client, path) -> None:
    entry = suppressing.Entry("ann@x.test", Cause.MAILBOX_MISSING)
    suppressing.suppress(cast.workspace.id, [entry])
    db.session.commit()

    client.post(path, data={"again": "yes"})

    assert makers.suppressed_addresses(cast.workspace) == ["ann@x.test"]


@pytest.mark.parametrize("change", ["x", "1-abc", "", "../../etc/passwd", "9" * 40])
def test_a_token_that_is_not_ours_finds_nothing(cast, client, path, change) -> None:
    assert client.post(f"/u/{change}").status_code == 404
    assert makers.suppressed_addresses(cast.workspace) == []


def test_one_flipped_character_finds_nothing(cast, client, path) -> None:
    flipped = path[:-1] + ("a" if path[-1] != "a" else "b")

    assert client.post(flipped).status_code == 404


def test_the_token_of_the_message_id_unsubscribes_nobody(client, mail) -> None:
    token = re.search(rb"Message-ID: <([^@]+)@", mail)[1].decode()

    assert client.post(f"/u/{token}").status_code == 404


def test_the_link_of_a_test_mail_says_that_it_is_one(client) -> None:
    for answer in (client.get("/u/test"), client.post("/u/test")):
        assert answer.status_code == 200
        assert "This was a test mail" in answer.text


@pytest.mark.throttled
def test_a_mail_program_that_posts_for_many_is_not_throttled(app, client, path) -> None:
    codes = {client.post(f"/u/{number}-x").status_code for number in range(100)}

    assert codes == {404}


def test_the_page_shows_the_logo_of_the_workspace_that_wrote(cast, client, path) -> None:
    assert client.get(f"{path}/logo").status_code == 404
    assert "<img" not in client.get(path).text
    db.session.add(PublicLook(workspace_id=cast.workspace.id, logo=b"x", logo_type="image/png"))
    db.session.commit()

    assert f'<img src="{path}/logo" alt="{cast.workspace.name}">' in client.get(path).text
    assert client.get(f"{path}/logo").data == b"x"
    assert client.get(f"{path[:-1]}/logo").status_code == 404
