"""The limits of a connection and its backup, as an admin sets them."""

import pytest
from sqlalchemy import select

from tests import makers
from tests.bulk_email.test_routes_connections import SERVER
from webapp.accounts.models import AuditEntry
from webapp.bulk_email import draining, limiting
from webapp.delivery import budgeting, pausing
from webapp.delivery.models import Connection
from webapp.extensions import db
from webapp.lib import clock
from webapp.plugins import catalogue, installing

pytestmark = pytest.mark.database


@pytest.fixture
def admin(cast, sign_in):
    installing.install(cast.workspace, catalogue.find("bulk_email"), cast.alice)
    return sign_in(cast.alice)


@pytest.fixture
def connection(cast) -> Connection:
    return makers.make_connection(cast.workspace, name="First", provider="sendgrid")


@pytest.fixture
def other(cast) -> Connection:
    return makers.make_connection(cast.workspace, name="Second")


def save(admin, connection: Connection, **typed):
    answer = admin.post(f"/w/acme/connections/{connection.id}", data=SERVER | typed)
    db.session.expire_all()
    return answer


def test_limits_and_a_backup_are_stored_and_noted(admin, connection, other) -> None:
    limits = {"rate": "0,5", "daily_cap": "10,000", "max_connections": "40"}
    assert save(admin, connection, **limits, backup_id=str(other.id)).status_code == 303
    entry = db.session.scalar(select(AuditEntry).where(AuditEntry.action == "connection.saved"))

    assert (connection.rate, connection.daily_cap) == (0.5, 10_000)
    assert (connection.max_connections, connection.backup_id) == (40, other.id)
    changed = {name: entry.details[name] for name in ("max_connections", "rate", "daily_cap")}
    assert changed == {"max_connections": [2, 40], "rate": [None, 0.5], "daily_cap": [None, 10_000]}
    assert entry.details["backup"] == [None, "Second"]


def test_nothing_typed_is_no_limit(admin, connection) -> None:
    connection.rate, connection.daily_cap = 5, 100
    save(admin, connection, rate=" ", daily_cap="")

    assert (connection.rate, connection.daily_cap) == (None, None)


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("rate", "fast", "A number from 0.01 to 10,000"),
        ("rate", "0", "A number from 0.01"),
        ("rate", "1e3", "A number from 0.01"),
        ("daily_cap", "1.5", "A whole number from 1"),
        ("daily_cap", "-1", "A whole number from 1"),
        ("max_connections", "41", "From 1 to 40."),
        ("backup_id", "999", "Choose one from the list."),
    ],
)
def test_what_makes_no_sense_is_said_at_its_field(admin, connection, field, typed, said) -> None:
    answer = save(admin, connection, **{field: typed, "name": "Renamed"})

    assert answer.status_code == 422
    assert said in answer.text
    assert f'id="{field}-error"' in answer.text
    assert 'value="Renamed"' in answer.text
    assert connection.name == "First"


def test_a_connection_never_stands_in_for_itself(admin, connection, other) -> None:
    own = save(admin, connection, backup_id=str(connection.id))
    assert "A connection cannot stand in for itself." in own.text

    other.backup_id = connection.id
    db.session.commit()
    assert "already falls back on this one" in save(admin, connection, backup_id=str(other.id)).text


def test_a_removed_backup_is_neither_offered_nor_used(admin, cast, connection, other) -> None:
    connection.backup_id, other.removed_at = other.id, clock.now()
    pausing.rest(connection.id, "No answer.")
    email = makers.make_email(makers.make_form(cast.workspace, []), connection)

    assert draining.usable_connection(email) is connection
    assert "Second" not in admin.get(f"/w/acme/connections/{connection.id}").text


def test_the_list_shows_rest_use_and_backup(admin, connection, other) -> None:
    connection.backup_id, connection.daily_cap, connection.rate = other.id, 500, 20
    db.session.commit()
    assert budgeting.allowance(connection.id, 12) > 0
    budgeting.spend(connection.id, 10)
    pausing.rest(connection.id, "No answer from the server.")
    page = admin.get("/w/acme/connections").text

    assert "10 of 500 used today" in page
    assert "20 a second" in page
    assert "if unreachable: Second" in page
    assert "No answer from the server. Until" in page
    assert limiting.used_today(other, clock.now()) == 0
