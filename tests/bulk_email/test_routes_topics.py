"""Kinds of mail and the look of the unsubscribe page, for admins."""

import io

import pytest
from sqlalchemy import select

from tests import makers, pictures
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


def test_a_kind_is_renamed_and_who_turned_it_down_stays_out(cast, client) -> None:
    client.post(TOPICS, data={"name": "News"})
    client.post(TOPICS, data={"name": "Events"})
    topic = db.session.scalar(select(Topic).where(Topic.name == "News"))
    opting_out.opt_out(topic.id, "a@x.test", None)
    db.session.commit()

    page = f"{TOPICS}/{topic.id}/rename"
    for name, said in (("Events", "There is a kind of that name"), (" ", "Give it a name")):
        answer = client.post(page, data={"name": name})
        assert (answer.status_code, said in answer.text) == (422, True)
    client.post(page, data={"name": "Letter"})

    assert [each.name for each in opting_out.topics(cast.workspace)] == ["Events", "Letter"]
    assert opting_out.opted_out(topic.id, ["a@x.test"]) == {"a@x.test"}
    noted = db.session.scalar(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1))
    assert (noted.action, noted.details["before"]) == ("topic.renamed", "News")


def test_what_was_removed_is_offered_again_unless_its_name_is_taken(cast, client) -> None:
    for _ in range(2):
        client.post(TOPICS, data={"name": "News"})
        topic = db.session.scalar(select(Topic).where(Topic.removed_at.is_(None)))
        client.post(f"{TOPICS}/{topic.id}/remove")
    first, second = db.session.scalars(select(Topic.id).order_by(Topic.id)).all()
    assert "No longer offered (2)" in client.get(TOPICS).text
    client.post(f"{TOPICS}/{second}/offer")
    client.post(f"{TOPICS}/{first}/offer")

    assert "There is another kind of that name" in client.get(TOPICS).text
    assert [each.id for each in opting_out.topics(cast.workspace)] == [second]


def test_a_logo_is_kept_shown_and_removed(client) -> None:
    upload(client, pictures.png(4, 3, chunk=(b"tEXt", b"secret")))
    shown = client.get(f"{TOPICS}/logo")
    assert (shown.mimetype, shown.data) == ("image/png", pictures.png(4, 3))
    assert shown.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    assert f"{TOPICS}/logo" in client.get(f"{TOPICS}/look").text

    client.post(f"{TOPICS}/look", data={"public_name": "Harbour"})  # without a file: it stays
    assert client.get(f"{TOPICS}/logo").status_code == 200
    client.post(f"{TOPICS}/look", data={"without_logo": "1"})
    assert client.get(f"{TOPICS}/logo").status_code == 404


def test_what_is_no_picture_is_refused_and_changes_nothing(cast, client) -> None:
    answer = upload(client, b"<svg onload=alert(1)>", public_name="Harbour")

    assert answer.status_code == 422
    assert "not a PNG or JPEG picture" in answer.text
    assert db.session.get(PublicLook, cast.workspace.id) is None


def upload(client, content: bytes, **data):
    return client.post(f"{TOPICS}/look", data={"logo": (io.BytesIO(content), "a.png"), **data})


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
