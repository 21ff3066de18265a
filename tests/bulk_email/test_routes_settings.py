"""Connections and suppressions, for admins."""

import pytest
from sqlalchemy import select

from tests import makers
from tests.smtp_server import SmtpServer
from webapp.accounts.models import AuditEntry
from webapp.delivery.models import Connection
from webapp.extensions import db
from webapp.plugins import catalogue, installing

pytestmark = pytest.mark.database
CONNECTIONS = "/w/acme/connections"
SUPPRESSIONS = "/w/acme/suppressions"


@pytest.fixture
def client(cast, sign_in):
    installing.install(cast.workspace, catalogue.find("bulk_email"), cast.alice)
    return sign_in(cast.alice)


def typed(**changes) -> dict:
    return {
        "name": "Relay", "provider": "smtp", "host": "127.0.0.1", "port": "25", "security": "none",
        "from_address": "ann@acme.test", "from_name": "Ann", "max_connections": "4",
        "username": "me", "password": "very secret",
    } | changes  # fmt: skip


def said(client, path: str) -> str:
    """The page after a POST, with what it says."""
    return client.get(client.post(path).location).text


def actions() -> list[str]:
    return list(db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


def test_a_connection_is_saved_with_its_secret_encrypted_and_audited(client) -> None:
    answer = client.post(f"{CONNECTIONS}/new", data=typed())
    stored = db.session.scalars(select(Connection)).one()
    raw = db.session.scalar(db.text("SELECT password FROM connections"))

    assert answer.location == f"{CONNECTIONS}/{stored.id}"
    assert stored.password == "very secret"
    assert b"secret" not in bytes(raw)
    assert actions()[-1] == "connection.saved"


def test_a_secret_is_never_shown_and_blank_keeps_it(client) -> None:
    client.post(f"{CONNECTIONS}/new", data=typed())
    stored = db.session.scalars(select(Connection)).one()

    assert "very secret" not in client.get(f"{CONNECTIONS}/{stored.id}").text
    client.post(f"{CONNECTIONS}/{stored.id}", data=typed(password="", name="Renamed"))
    db.session.refresh(stored)
    assert (stored.name, stored.password) == ("Renamed", "very secret")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""), ("name", "x" * 121), ("provider", "nobody"), ("host", ""),
        ("host", "a b"), ("host", "a\r\nb"), ("port", "0"), ("port", "65536"), ("port", "x"),
        ("security", "rot13"), ("from_address", "ann"), ("from_address", "a@b\r\nBcc: c@d.test"),
        ("max_connections", "0"), ("max_connections", "17"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_at_its_field_and_nothing_stored(client, field, value) -> None:
    answer = client.post(f"{CONNECTIONS}/new", data=typed(**{field: value}))

    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert db.session.scalar(select(Connection)) is None


def test_the_connection_is_tested_for_real(cast, client) -> None:
    with SmtpServer() as server:
        connection = makers.make_connection(cast.workspace, server.port)
        where = f"{CONNECTIONS}/{connection.id}/test"
        assert "let us in" in said(client, where)
    assert "cannot be reached" in said(client, where)


def test_one_that_is_in_use_is_not_removed(cast, client) -> None:
    connection = makers.make_connection(cast.workspace)
    email = makers.make_email(makers.make_form(cast.workspace, [("A", "a@x.test")]), connection)
    makers.start(email)

    text = said(client, f"{CONNECTIONS}/{connection.id}/remove")

    assert "Emails are scheduled or being sent over this connection." in text
    assert connection.removed_at is None


def test_a_removed_one_forgets_its_secret_and_is_gone(cast, client) -> None:
    connection = makers.make_connection(cast.workspace, password="secret")

    client.post(f"{CONNECTIONS}/{connection.id}/remove")

    db.session.refresh(connection)
    assert connection.password is None
    assert client.get(f"{CONNECTIONS}/{connection.id}").status_code == 404
    assert actions()[-1] == "connection.removed"


def test_an_address_is_suppressed_by_hand_and_lifted_with_a_reason(cast, client) -> None:
    client.post(SUPPRESSIONS, data={"address": "ann@x.test", "reason": "asked by phone"})
    assert makers.suppressed_addresses(cast.workspace) == ["ann@x.test"]
    text = client.get(SUPPRESSIONS).text
    assert "asked by phone" in text
    assert "ann@x.test" not in client.get(f"{SUPPRESSIONS}?q=bo").text

    lift = f"{SUPPRESSIONS}/{db.session.scalar(db.text('SELECT id FROM suppressions'))}/lift"
    assert client.post(lift, data={"reason": " "}).status_code == 422
    assert client.post(lift, data={"reason": "asked to"}).status_code == 303
    assert makers.suppressed_addresses(cast.workspace) == []
    assert actions()[-2:] == ["address.suppressed", "address.suppression_lifted"]


def test_what_is_no_address_is_not_suppressed(cast, client) -> None:
    answer = client.post(SUPPRESSIONS, data={"address": "ann"})

    assert answer.status_code == 422
    assert 'id="address-error"' in answer.text


def test_the_policy_for_doubtful_copies_is_a_setting_and_audited(cast, client) -> None:
    data = {"name": "Acme Grants", "time_zone": "UTC", "unconfirmed_policy": "send_again"}

    client.post("/w/acme/settings", data=data)

    db.session.refresh(cast.workspace)
    assert cast.workspace.unconfirmed_policy == "send_again"
    entry = db.session.scalar(select(AuditEntry).order_by(AuditEntry.id.desc()))
    assert entry.details == {"changed": "unconfirmed_policy: send_again"}
    assert (
        client.post("/w/acme/settings", data=data | {"unconfirmed_policy": "x"}).status_code == 422
    )
