"""The Marketplace: who may install what, and that twice is once."""

import threading

import pytest
from sqlalchemy import func, select

from tests import makers
from webapp.bulk_email.models import BulkEmail
from webapp.extensions import db
from webapp.forms.models import Form
from webapp.plugins.models import Installation

pytestmark = pytest.mark.database
PART = {"HX-Request": "true", "HX-Current-URL": "http://localhost/w/acme/emails"}
MARKET = "/w/acme/marketplace"


def install(client, name: str, **kw):
    return client.post(f"{MARKET}/{name}/install", **kw)


def age_password(client) -> None:
    """As if it had been typed an hour ago."""
    with client.session_transaction() as session:
        session["fs_paa"] -= 3600


def stats_forms() -> list[Form]:
    db.session.expire_all()
    return list(db.session.scalars(select(Form).where(Form.source.is_not(None))))


def test_the_tracker_cannot_come_before_bulk_email(cast, sign_in) -> None:
    client = sign_in(cast.alice)

    assert "Requires Bulk Email" in client.get(MARKET).text
    answer = install(client, "email_tracker")

    assert answer.status_code == 422
    assert "Add that" in answer.text
    assert db.session.scalar(select(Installation)) is None


def test_others_than_admins_are_told_to_ask(cast, sign_in) -> None:
    client = sign_in(cast.bob)

    assert "Ask an admin to add this." in client.get(MARKET).text
    assert install(client, "bulk_email").status_code == 403


def test_an_old_password_is_asked_for_again(cast, sign_in) -> None:
    client = sign_in(cast.alice)
    age_password(client)

    assert "Confirm your password" in client.get(f"{MARKET}/bulk_email/install").text
    wrong = install(client, "bulk_email", data={"password": "wrong"})
    assert wrong.status_code == 422
    assert "That is not your password." in wrong.text
    assert db.session.scalar(select(Installation)) is None

    right = install(client, "bulk_email", data={"password": "correct horse battery"})
    assert right.status_code == 303


def test_installing_changes_tab_banner_and_cards_in_place(cast, sign_in) -> None:
    client = sign_in(cast.alice)
    install(client, "bulk_email")
    assert "Install the Email Tracker Plugin" in client.get("/w/acme/emails").text

    part = install(client, "email_tracker", headers=PART).text

    assert '<div id="tracker-banner" hx-swap-oob="delete">' in part
    assert 'id="navigation"' in part
    assert "Open Email Tracker Stats" in part
    assert "<html" not in part
    assert "Install the Email Tracker Plugin" not in client.get("/w/acme/emails").text


def test_many_at_once_make_one_form(app, cast, sign_in) -> None:
    client = sign_in(cast.alice)
    install(client, "bulk_email")
    cookie = client.get_cookie("session").value
    answers: list[int] = []

    def once() -> None:
        with app.app_context():
            own = app.test_client()
            own.set_cookie("session", cookie)
            answers.append(install(own, "email_tracker").status_code)

    db.session.commit()
    threads = [threading.Thread(target=once) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]

    assert answers == [303] * 8
    assert len(stats_forms()) == 1
    assert db.session.scalar(select(func.count()).select_from(Installation)) == 2


def test_removed_and_installed_again_it_is_the_same_form(cast, sign_in) -> None:
    client = sign_in(cast.alice)
    install(client, "bulk_email")
    install(client, "email_tracker")
    [form] = stats_forms()

    client.post(f"{MARKET}/email_tracker/remove")
    assert client.get(f"/w/acme/data/{form.id}").status_code == 404
    install(client, "email_tracker")

    assert [each.id for each in stats_forms()] == [form.id]
    assert client.get(f"/w/acme/data/{form.id}").status_code == 200


def test_bulk_email_stays_while_it_is_needed(cast, sign_in) -> None:
    client = sign_in(cast.alice)
    install(client, "bulk_email")
    install(client, "email_tracker")
    assert "Remove Email Tracker first." in client.post(f"{MARKET}/bulk_email/remove").text

    client.post(f"{MARKET}/email_tracker/remove")
    form = makers.make_form(cast.workspace, [("Ann", "ann@x.test")])
    bulk_email = makers.make_email(form, makers.make_connection(cast.workspace))
    bulk_email.stage = "scheduled"
    refusal = client.post(f"{MARKET}/bulk_email/remove")
    assert "One email is scheduled or being sent." in refusal.text

    db.session.get(BulkEmail, bulk_email.id).stage = "finished"
    assert client.post(f"{MARKET}/bulk_email/remove").status_code == 303
    assert client.get("/w/acme/emails").status_code == 404
