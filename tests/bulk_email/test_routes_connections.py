"""The pages of connections: choosing a kind, keys, and a test that waits for its event."""

import json
from dataclasses import replace

import pytest
from sqlalchemy import select

from tests import makers
from tests.smtp_server import SmtpServer
from webapp import providers
from webapp.accounts.models import AuditEntry
from webapp.delivery.models import Arrival, Connection, ConnectionTest
from webapp.email_tracker import digesting
from webapp.extensions import db
from webapp.lib import clock
from webapp.plugins import catalogue, installing

pytestmark = pytest.mark.database
SERVER = {
    "name": "Relay", "provider": "sendgrid", "host": "smtp.sendgrid.net", "port": "587",
    "security": "starttls", "username": "apikey", "password": "p", "from_name": "",
    "from_address": "ann@acme.test", "max_connections": "4",
}  # fmt: skip


@pytest.fixture
def admin(cast, sign_in):
    """alice's browser, in a workspace with both plugins."""
    for name in ("bulk_email", "email_tracker"):
        installing.install(cast.workspace, catalogue.find(name), cast.alice)
    return sign_in(cast.alice)


@pytest.fixture
def connection(cast, admin) -> Connection:
    return makers.make_connection(cast.workspace, provider="sendgrid", hook_secret=None)


def path(connection: Connection, more: str = "") -> str:
    return f"/w/acme/connections/{connection.id}{more}"


def test_a_new_connection_begins_with_its_kind(admin):
    kinds = admin.get("/w/acme/connections/new").text
    for provider in providers.BY_NAME.values():
        assert f"provider={provider.name}" in kinds

    form = admin.get("/w/acme/connections/new?provider=amazon_ses").text
    assert 'value="email-smtp.us-east-1.amazonaws.com"' in form
    assert 'value="587"' in form


def test_it_is_saved_and_its_page_says_where_to_post(admin):
    answer = admin.post("/w/acme/connections/new", data=SERVER)
    saved = db.session.scalar(select(Connection))
    page = admin.get(answer.location).text

    assert f"http://localhost/hooks/sendgrid/{saved.hook_token}" in page
    assert "There is no key yet, so every event is refused." in page
    assert "Signature Verification" in page


def test_a_connection_to_the_sandbox_sets_itself_up(admin, app, monkeypatch):
    monkeypatch.setitem(app.config, "SETTINGS", replace(app.config["SETTINGS"], sandbox=True))
    choices = {"provider": "sandbox", "host": "127.0.0.1", "port": "5025", "security": "none"}
    typed = SERVER | choices | {"username": "", "password": ""}
    answer = admin.post("/w/acme/connections/new", data=typed)
    saved = db.session.scalar(select(Connection))
    page = admin.get(answer.location).text

    assert (saved.username, saved.password) == (saved.hook_token, saved.hook_secret)
    assert "nothing to paste" in page
    assert not any(asked in page for asked in ("Hook address", "There is no key", "Next: the way"))

    admin.post(answer.location, data=typed | {"name": "Ours"})
    db.session.expire_all()
    assert (saved.username, saved.password) == (saved.hook_token, saved.hook_secret)
    entry = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert "username" not in entry.details


def test_a_pasted_key_is_stored_and_never_shown(admin, connection):
    admin.post(path(connection, "/key"), data={"key": " their key \n"})
    db.session.expire_all()

    assert connection.hook_secret == "their key"
    assert "their key" not in admin.get(path(connection)).text
    assert admin.post(path(connection, "/key"), data={"key": " "}).status_code == 422


def test_two_keys_are_valid_while_one_is_replaced(admin, connection):
    admin.post(path(connection, "/key"), data={"key": "one"})
    admin.post(path(connection, "/key"), data={"key": "two", "keep": "7d"})
    db.session.expire_all()
    kept = connection.old_hook_secret_until - clock.now()

    assert (connection.hook_secret, connection.old_hook_secret) == ("two", "one")
    assert (kept.days, "Two keys are valid" in admin.get(path(connection)).text) == (6, True)

    admin.post(path(connection, "/key/end"))
    db.session.expire_all()
    assert (connection.old_hook_secret, connection.old_hook_secret_until) == (None, None)
    assert "Two keys are valid" not in admin.get(path(connection)).text


def test_a_key_in_the_wrong_hands_is_replaced_at_once(admin, connection):
    admin.post(path(connection, "/key"), data={"key": "one"})
    admin.post(path(connection, "/key"), data={"key": "two", "keep": "0"})
    db.session.expire_all()

    assert (connection.hook_secret, connection.old_hook_secret) == ("two", None)


def test_a_password_of_our_making_is_shown_once(admin, cast):
    connection = makers.make_connection(cast.workspace, provider="postmark", hook_secret=None)
    shown = admin.post(path(connection, "/key"))
    db.session.expire_all()

    assert connection.hook_secret in shown.text
    assert shown.headers["Cache-Control"] == "no-store"
    assert connection.hook_secret not in admin.get(path(connection)).text
    notes = db.session.scalars(select(AuditEntry.action)).all()
    assert "connection.key_set" in notes


def test_another_kind_forgets_the_keys_of_the_first(admin, connection):
    connection.hook_secret = "a key"
    db.session.commit()
    page = admin.get(path(connection) + "?provider=mailjet").text
    assert 'value="in-v3.mailjet.com"' in page

    admin.post(path(connection), data=SERVER | {"provider": "mailjet"})
    db.session.expire_all()
    assert (connection.provider, connection.hook_secret) == ("mailjet", None)


def test_a_test_waits_for_its_event(app, admin, cast):
    with SmtpServer() as server:
        connection = makers.make_connection(cast.workspace, server.port, provider="sendgrid")
        admin.post(path(connection, "/test"), data={"to": "me@x.test"})
        [mail] = server.ledger.of("me@x.test")
    live = {"HX-Request": "true"}
    waiting = admin.get(path(connection, "/live"), headers=live).text
    assert "Waiting for its event" in waiting
    assert "every 2s" in waiting

    token = json.loads(mail.partition(b"X-SMTPAPI: ")[2].partition(b"\r\n")[0])["unique_args"][
        "copy"
    ]
    _arrive(app, connection, [{"event": "delivered", "copy": token, "response": "250 fine"}])
    done = admin.get(path(connection, "/live"), headers=live).text
    assert "came back: delivered" in done
    assert "250 fine" in done
    assert "every 15s" in done


def _arrive(app, connection: Connection, events: list) -> None:
    db.session.add(
        Arrival(
            connection_id=connection.id, workspace_id=connection.workspace_id, provider="sendgrid",
            body=json.dumps(events).encode(), dedupe_key=str(len(str(events))),
        )
    )  # fmt: skip
    db.session.commit()
    digesting.digest_some(providers.BY_NAME, app.config["TOKEN_KEY"])
    db.session.expire_all()


def test_a_test_that_cannot_leave_says_why(admin, cast):
    connection = makers.make_connection(cast.workspace, port=1, provider="sendgrid")
    admin.post(path(connection, "/test"), data={"to": "me@x.test"})
    found = db.session.scalar(select(ConnectionTest))

    assert not found.is_accepted
    page = admin.get(path(connection)).text
    assert "did not leave" in page
    assert "127.0.0.1:1 cannot be reached" in page
    assert admin.post(path(connection, "/test"), data={"to": "nobody"}).status_code == 422


def test_the_live_part_alone_leads_to_its_page(admin, connection):
    answer = admin.get(path(connection, "/live"))
    assert (answer.status_code, answer.location) == (303, path(connection))


def test_a_connection_is_saved_with_its_secret_encrypted_and_audited(admin) -> None:
    admin.post("/w/acme/connections/new", data=SERVER | {"password": "very secret"})
    stored = db.session.scalars(select(Connection)).one()
    raw = db.session.scalar(db.text("SELECT password FROM connections"))

    assert stored.password == "very secret"
    assert b"secret" not in bytes(raw)
    assert _last_action() == "connection.saved"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""), ("name", "x" * 121), ("host", ""),
        ("host", "a b"), ("host", "a\r\nb"), ("port", "0"), ("port", "65536"), ("port", "x"),
        ("security", "rot13"), ("from_address", "ann"), ("from_address", "a@b\r\nBcc: c@d.test"),
        ("max_connections", "0"), ("max_connections", "41"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_at_its_field_and_nothing_stored(admin, field, value) -> None:
    answer = admin.post("/w/acme/connections/new", data=SERVER | {field: value})

    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert db.session.scalar(select(Connection)) is None


def test_one_that_is_in_use_is_not_removed(cast, admin) -> None:
    connection = makers.make_connection(cast.workspace)
    email = makers.make_email(makers.make_form(cast.workspace, [("A", "a@x.test")]), connection)
    makers.start(email)

    text = admin.get(admin.post(path(connection, "/remove")).location).text

    assert "Emails are scheduled or being sent over this connection." in text
    assert connection.removed_at is None


def test_a_removed_one_forgets_its_secret_and_is_gone(cast, admin) -> None:
    connection = makers.make_connection(cast.workspace, password="secret")

    admin.post(path(connection, "/remove"))

    db.session.refresh(connection)
    assert connection.password is None
    assert admin.get(path(connection)).status_code == 404
    assert _last_action() == "connection.removed"


def _last_action() -> str:
    return db.session.scalar(select(AuditEntry.action).order_by(AuditEntry.id.desc()))
