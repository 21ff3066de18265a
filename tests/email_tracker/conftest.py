import pytest
from sqlalchemy import select

from tests import makers
from webapp.delivery.models import Connection, Recipient
from webapp.extensions import db
from webapp.plugins import catalogue, installing


@pytest.fixture
def connection(cast) -> Connection:
    """Of a workspace in which the tracker is on."""
    for plugin in ("bulk_email", "email_tracker"):
        installing.install(cast.workspace, catalogue.find(plugin), cast.alice)
    return makers.make_connection(cast.workspace)


@pytest.fixture
def copy(connection, cast) -> Recipient:
    """Ann's copy of an email that is prepared and not sent."""
    form = makers.make_form(cast.workspace, [("Ann", "ann@x.test")])
    makers.start(makers.make_email(form, connection))
    return db.session.scalar(select(Recipient))
