"""A copy of an email, and a mail that comes back for it."""

import pytest
from sqlalchemy import select

from tests import makers
from webapp.delivery import tokens
from webapp.delivery.models import Connection, Recipient
from webapp.delivery.models_return import ReturnWay
from webapp.extensions import db
from webapp.plugins import catalogue, installing


@pytest.fixture
def connection(cast) -> Connection:
    """A Connection of a workspace that has both plugins."""
    for plugin in ("bulk_email", "email_tracker"):
        installing.install(cast.workspace, catalogue.find(plugin), cast.alice)
    return makers.make_connection(cast.workspace)


@pytest.fixture
def copy(connection: Connection, cast) -> Recipient:
    """A copy to ann@x.test, prepared and not sent."""
    form = makers.make_form(cast.workspace, [("Ann", "ann@x.test")])
    makers.start(makers.make_email(form, connection))
    return db.session.scalar(select(Recipient))


@pytest.fixture
def return_path(app, connection: Connection, copy: Recipient) -> str:
    """The return path of the copy: its Connection has a bounce address."""
    db.session.add(ReturnWay(connection_id=connection.id, address="bounces@acme.test"))
    db.session.commit()
    token = tokens.copy_token(app.config["TOKEN_KEY"], copy.id)
    return tokens.return_path(token, "bounces@acme.test")
