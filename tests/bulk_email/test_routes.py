"""The list of all emails and one email over plain HTTP, as page and as part."""

import re

import pytest

from tests import makers
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.delivery import tallying
from webapp.extensions import db
from webapp.plugins import catalogue, installing

pytestmark = pytest.mark.database
PART = {"HX-Request": "true"}
LIST = "/w/acme/emails"


@pytest.fixture
def form(cast):
    installing.install(cast.workspace, catalogue.find("bulk_email"), cast.alice)
    return makers.make_form(cast.workspace, [("Ann", "ann@x.test"), ("Bo", "bo@x.test")])


@pytest.fixture
def email(cast, form) -> BulkEmail:
    """On its way, and tracked."""
    installing.install(cast.workspace, catalogue.find("email_tracker"), cast.alice)
    made = makers.make_email(form, makers.make_connection(cast.workspace), subject="Tracked")
    makers.start(made)
    return made


def line(text: str, email: BulkEmail) -> str:
    """The email's row of the list, as words."""
    row = text.split(f'id="email-row-{email.id}"')[1].split("</tr>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", row).split())


def test_the_empty_list_teaches_and_has_one_button(cast, form, sign_in) -> None:
    editor, viewer = sign_in(cast.alice).get(LIST).text, sign_in(cast.bob).get(LIST).text

    assert "No emails yet" in editor
    assert "Write the first email" in editor
    assert "Write the first email" not in viewer


def test_the_banner_invites_admins_and_tells_others_whom_to_ask(cast, form, sign_in) -> None:
    admin, viewer = sign_in(cast.alice).get(LIST).text, sign_in(cast.bob).get(LIST).text

    assert "Install the Email Tracker Plugin</a>" in admin
    assert "Ask an admin to install the Email Tracker plugin." in viewer
    assert "Install the Email Tracker Plugin</a>" not in viewer


def test_all_emails_are_listed_newest_first_drafts_too(cast, email, form, sign_in) -> None:
    connection = email.connection
    before = makers.make_email(form, connection, subject="Before")
    makers.start(before, tracked=False)
    draft = makers.make_email(form, connection, subject="Draft of mine")

    text = sign_in(cast.bob).get(LIST).text

    assert re.findall(r'id="email-row-(\d+)"', text) == [
        str(each.id) for each in (draft, before, email)
    ]
    assert "0 / 2" in line(text, email)
    assert "Not tracked" in line(text, before)
    assert "/ 2" not in line(text, before)
    assert "Draft" in line(text, draft)


def test_the_list_is_renewed_only_when_something_has_changed(cast, email, sign_in) -> None:
    client = sign_in(cast.bob)
    text = client.get(LIST).text
    asked = re.search(r'hx-get="([^"]+)" hx-trigger="every 3s"', text)[1]

    assert client.get(asked, headers=PART).status_code == 204
    tallying.touch(email.id)
    renewed = client.get(asked, headers=PART)

    assert renewed.status_code == 200
    assert renewed.text.startswith('<section id="email-list"')


def test_the_head_is_renewed_only_when_something_has_changed(cast, email, sign_in) -> None:
    client = sign_in(cast.bob)
    text = client.get(f"{LIST}/{email.id}").text
    asked = re.search(r'id="email-head" hx-get="([^"]+)" hx-trigger="every 2s"', text)[1]

    assert client.get(asked, headers=PART).status_code == 204
    db.session.get(BulkEmail, email.id).stage = Stage.PAUSED
    renewed = client.get(asked, headers=PART)

    assert renewed.status_code == 200
    assert "Paused" in renewed.text


def test_the_page_of_an_email_marks_its_line_in_the_list(cast, email, sign_in) -> None:
    text = sign_in(cast.bob).get(f"{LIST}/{email.id}").text

    assert f'id="email-row-{email.id}" class="is-open"' in text
    assert "0/2 delivered" in text
    assert f'href="{LIST}/{email.id}/recipients?show=delivered"' in text


def test_a_draft_opens_where_it_is_written(cast, form, sign_in) -> None:
    draft = makers.make_email(form, makers.make_connection(cast.workspace))

    answer = sign_in(cast.alice).get(f"{LIST}/{draft.id}")

    assert (answer.status_code, answer.location) == (303, f"{LIST}/{draft.id}/compose")


def test_commands_ask_once_and_then_act(cast, email, sign_in) -> None:
    client = sign_in(cast.alice)
    path = f"{LIST}/{email.id}/do/pause"

    page, part = client.get(path).text, client.get(path, headers=PART).text
    assert "2 people still wait for their copy." in page
    assert "<html" in page
    assert "<dialog" in part
    assert client.post(path).location == f"{LIST}/{email.id}"

    db.session.expire_all()
    assert db.session.get(BulkEmail, email.id).stage == Stage.PAUSED


def test_the_activity_says_who_did_what(cast, email, sign_in) -> None:
    client = sign_in(cast.alice)
    client.post(f"{LIST}/{email.id}/do/pause")

    text = client.get(f"{LIST}/{email.id}/activity").text

    assert "<b>Alice</b> paused it" in text
