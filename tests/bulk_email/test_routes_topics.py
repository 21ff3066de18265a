"""Kinds of mail and the look of the unsubscribe page, for admins."""

import pytest
from sqlalchemy import select

from tests import makers
from webapp.accounts.models import AuditEntry
from webapp.bulk_email.models import BulkEmail, PublicLook
from webapp.delivery import opting_out
from webapp.delivery.models_topics import Topic
from webapp.extensions import db
from webapp.plugins import catalogue, installing

pytestmark = pytest.mark.database
TOPICS = "/w/acme/topics"


@pytest.fixture
def client(cast, sign_in):
    installing.install(cast.workspace, catalogue.find("bulk_email"), cast.alice)
    return sign_in(cast.alice)


def test_a_kind_is_added_shown_and_removed(cast, client) -> None:
    assert "No kinds yet" in client.get(TOPICS).text
    assert client.post(TOPICS, data={"name": " News\tletter "}).status_code == 303
    topic = db.session.scalar(select(Topic))
    assert topic.name == "News letter"
    assert "nobody has turned it down" in client.get(TOPICS).text
    opting_out.opt_out(topic.id, "a@x.test", None)
    assert "1 turned it down" in client.get(TOPICS).text

    client.post(f"{TOPICS}/{topic.id}/remove")
    assert "No kinds yet" in client.get(TOPICS).text
    actions = db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()
    assert actions[-2:] == ["topic.added", "topic.removed"]


def test_a_blank_name_and_a_double_one_are_refused(client) -> None:
    client.post(TOPICS, data={"name": "News"})

    for name, said in (("News", "There is a kind of that name"), (" ", "Give it a name")):
        answer = client.post(TOPICS, data={"name": name})
        assert (answer.status_code, said in answer.text) == (422, True)


@pytest.mark.parametrize(
    ("colour", "kept"), [("#A1b2C3", "#a1b2c3"), ("red;}", ""), ("#12345", ""), ("", "")]
)
def test_the_look_is_kept_and_a_colour_is_a_colour(cast, client, colour: str, kept: str) -> None:
    data = {"public_name": "Harbour\n", "text": "x" * 600, "colour": colour, "with_colour": "1"}
    client.post(f"{TOPICS}/look", data=data)

    look = db.session.get(PublicLook, cast.workspace.id)
    assert (look.name, len(look.text), look.colour) == ("Harbour", 500, kept)
    client.post(f"{TOPICS}/look", data=data | {"with_colour": ""})
    db.session.refresh(look)
    assert look.colour == ""


def test_an_email_is_given_its_kind_and_never_another_workspace_s(cast, client) -> None:
    opting_out.add(cast.workspace, "News")
    opting_out.add(cast.charlie.members[0].workspace, "Theirs")
    ours, theirs = db.session.scalars(select(Topic).order_by(Topic.id)).all()
    form = makers.make_form(cast.workspace, [("Ann", "ann@x.test")])
    draft = makers.make_email(form, makers.make_connection(cast.workspace))
    page = f"/w/acme/emails/{draft.id}/compose"

    assert "Theirs" not in client.get(page).text
    for chosen, kept in ((ours.id, ours.id), (theirs.id, None), ("", None)):
        client.post(page, data={"topic_id": chosen, "subject": "Hi", "form_id": form.id})
        db.session.expire_all()
        assert db.session.get(BulkEmail, draft.id).topic_id == kept
