"""The demo fills an empty database, once, and leaves every other one alone."""

import pytest
from flask import Flask
from sqlalchemy import func, select

from tests.cast import Cast
from webapp.accounts.models import Member, Role, User, Workspace
from webapp.delivery.models import Connection
from webapp.extensions import db
from webapp.forms.models import Form, RecordAddress
from webapp.plugins import installing
from webapp.running import seeding

pytestmark = pytest.mark.database


def count(model) -> int:
    return db.session.scalar(select(func.count()).select_from(model))


def test_a_newcomer_finds_people_and_a_way_to_the_sandbox(app: Flask):
    made = seeding.seed(120, sandbox_port=5025)

    connection = db.session.scalar(select(Connection))
    assert (connection.provider, connection.port) == ("sandbox", 5025)
    assert (connection.username, connection.password) == (
        connection.hook_token,
        connection.hook_secret,
    )
    assert made.form.record_count == count(RecordAddress) == 120
    assert installing.installed(made.workspace) == set()  # that is for the newcomer to do
    roles = dict(db.session.execute(select(User.email, Member.role).join(Member)).all())
    assert roles == {"alice@example.org": Role.OWNER, "bob@example.org": Role.VIEWER}


def test_the_demo_is_made_once(app: Flask):
    seeding.demo(app)
    seeding.demo(app)
    assert (count(Workspace), count(Form)) == (1, 1)


def test_the_demo_leaves_other_data_alone(app: Flask, cast: Cast):
    seeding.demo(app)
    assert count(Form) == 0


def test_the_connection_follows_the_sandbox_to_another_port(app: Flask):
    seeding.seed(1, sandbox_port=1)
    seeding.demo(app)
    assert db.session.scalar(select(Connection.port)) == app.config["SETTINGS"].sandbox_smtp_port


def test_seeding_again_makes_another_workspace_for_the_same_people(app: Flask):
    first, second = (seeding.seed(1, sandbox_port=1).workspace.slug for _ in range(2))
    assert first != second
    assert count(User) == 2
