"""A deleted workspace is gone for everybody at once, and in the end every row of it."""

import pytest
from sqlalchemy import func, select

from tests import makers
from tests.smtp_server import SmtpServer
from webapp.accounts.models import AuditEntry, Workspace
from webapp.delivery import recording
from webapp.delivery.models import Attempt, Event, Recipient
from webapp.extensions import db
from webapp.forms.models import Form, Record
from webapp.lib import clock
from webapp.plugins import catalogue, closing, installing, jobs

pytestmark = pytest.mark.database
URL = "/w/acme/settings/delete"


def count(model) -> int:
    return db.session.scalar(select(func.count()).select_from(model))


@pytest.fixture
def email(cast):
    """Sent to two people, with an event of each."""
    installing.install(cast.workspace, catalogue.find("bulk_email"), cast.alice)
    with SmtpServer() as server:
        form = makers.make_form(cast.workspace, [("Ann", "a@x.test"), ("Bo", "b@x.test")])
        email = makers.make_email(form, makers.make_connection(cast.workspace, server.port))
        makers.send(email)
    for copy in db.session.scalars(select(Recipient)):
        recording.record_unsubscribe(copy, clock.now())
    db.session.commit()
    return email


def test_it_is_gone_at_once_and_every_row_soon(cast, sign_in, email) -> None:
    kept = makers.make_form(
        db.session.query(Workspace).filter_by(slug="elsewhere").one(), [("C", "c@x.test")]
    )
    page = sign_in(cast.alice)
    assert page.post(URL, data={"name": "Acme Grants"}).status_code == 303

    assert "Acme Grants is deleted." in page.get("/workspaces/new").text
    assert page.get("/w/acme/data").status_code == 404
    jobs.purge()
    assert [count(model) for model in (Recipient, Event, Attempt)] == [0, 0, 0]
    assert db.session.scalars(select(Form.id)).all() == [kept.id]
    assert (count(Record), count(Workspace)) == (1, 1)
    assert "workspace.deleted" in db.session.scalars(select(AuditEntry.action)).all()


@pytest.mark.parametrize("typed", ["acme", ""])
def test_the_name_has_to_be_typed(cast, sign_in, typed: str) -> None:
    answer = sign_in(cast.alice).post(URL, data={"name": typed})

    assert (answer.status_code, "Type the name as it stands here" in answer.text) == (422, True)
    assert not closing.are_closed()


def test_a_password_that_is_not_fresh_is_asked_for(cast, sign_in) -> None:
    client = sign_in(cast.alice)
    with client.session_transaction() as session:
        session["fs_paa"] -= 3600
    wrong = client.post(URL, data={"name": "Acme Grants", "password": "x"})

    assert (wrong.status_code, "That is not your password." in wrong.text) == (422, True)
    assert "Confirm your password" in client.get(URL).text


def test_not_while_anything_is_being_sent(cast, sign_in) -> None:
    installing.install(cast.workspace, catalogue.find("bulk_email"), cast.alice)
    form = makers.make_form(cast.workspace, [("Ann", "a@x.test")])
    makers.start(makers.make_email(form, makers.make_connection(cast.workspace)))
    answer = sign_in(cast.alice).post(URL, data={"name": "Acme Grants"})

    assert (answer.status_code, "One email is scheduled or being sent." in answer.text) == (
        422,
        True,
    )
    assert not closing.are_closed()
