"""Topics: one click ends one kind of mail, the page offers all, and both can be taken back."""

import pytest
from sqlalchemy import select

from tests import makers
from tests.smtp_server import SmtpServer
from webapp.bulk_email import draining
from webapp.bulk_email.models import BulkEmail, PublicLook
from webapp.delivery import opting_out, tokens
from webapp.delivery.models import Event, Recipient
from webapp.delivery.models_topics import Topic
from webapp.delivery.statuses import Status
from webapp.extensions import db

pytestmark = pytest.mark.database


@pytest.fixture
def topic(cast) -> Topic:
    opting_out.add(cast.workspace, "Newsletter")
    return db.session.scalar(select(Topic))


@pytest.fixture
def form(cast):
    return makers.make_form(cast.workspace, [("Ann", "ann@x.test"), ("Bo", "bo@x.test")])


@pytest.fixture
def path(app, cast, form, topic) -> str:
    """The link in Ann's copy of a newsletter."""
    email = makers.make_email(form, makers.make_connection(cast.workspace), topic_id=topic.id)
    makers.start(email)
    copy = db.session.scalar(select(Recipient).where(Recipient.name == "Ann"))
    return f"/u/{tokens.unsubscribe_token(app.config['TOKEN_KEY'], copy.id)}"


def next_email(form, cast, **values) -> BulkEmail:
    return makers.make_email(form, makers.make_connection(cast.workspace), **values)


def test_one_click_ends_the_kind_of_mail_and_nothing_else(cast, client, form, path, topic) -> None:
    answer = client.post(path, data={"List-Unsubscribe": "One-Click"})
    assert "gets no more <b" in answer.text
    assert makers.suppressed_addresses(cast.workspace) == []

    same, other = next_email(form, cast, topic_id=topic.id), next_email(form, cast)
    makers.start(same)
    makers.start(other)
    assert makers.statuses(same) == {"ann@x.test": "withheld", "bo@x.test": "queued"}
    assert makers.statuses(other) == {"ann@x.test": "queued", "bo@x.test": "queued"}
    withheld = select(Recipient.cause).where(Recipient.status == Status.WITHHELD)
    assert db.session.scalars(withheld).all() == ["unsubscribed"]


def test_a_copy_that_waits_is_withheld_when_its_turn_comes(app, cast, form, topic) -> None:
    email = next_email(form, cast, topic_id=topic.id)
    makers.start(email)
    opting_out.opt_out(topic.id, "ann@x.test", None)
    with SmtpServer() as server:
        email.connection.port = server.port
        db.session.commit()
        draining.drain(makers.make_setting(token_key=app.config["TOKEN_KEY"]), 10)

    assert makers.statuses(email) == {"ann@x.test": "withheld", "bo@x.test": "sent"}
    assert len(server.ledger.mails) == 1


def test_the_link_can_stand_in_the_text_by_its_merge_field(app, cast, form, topic) -> None:
    body = "Leave [here]({{ unsubscribe_url }})."
    with SmtpServer() as server:
        email = next_email(form, cast, topic_id=topic.id, body=body)
        email.connection.port = server.port
        makers.send(email, token_key=app.config["TOKEN_KEY"])

    mail = server.ledger.mails[0][1].replace(b"=\r\n", b"")
    token = tokens.unsubscribe_token(app.config["TOKEN_KEY"], 1).encode()
    assert mail.count(b"/u/" + token) == 5  # the header, and twice in each part


def test_the_page_offers_the_kind_first_and_all_mail_beside_it(client, path) -> None:
    text = client.get(path).text

    assert 'value="topic" checked' in text
    assert "Only Newsletter" in text
    assert "All mail from Acme Grants" in text


def test_all_mail_can_be_turned_down_and_taken_back(cast, client, path) -> None:
    client.post(path)
    client.post(path, data={"what": "all"})
    assert makers.suppressed_addresses(cast.workspace) == ["ann@x.test"]

    text = client.post(path, data={"again": "yes"}).text
    assert "Do you want no more mail" in text
    assert makers.suppressed_addresses(cast.workspace) == []
    assert opting_out.opted_out(1, ["ann@x.test"]) == set()


def test_it_is_an_event_and_a_fact_of_the_copy_once(client, path) -> None:
    for _ in range(3):
        client.post(path)

    event = db.session.scalars(select(Event)).one()
    assert (event.kind, event.details) == ("unsubscribed", {"topic": "Newsletter"})
    assert db.session.get(Recipient, event.recipient_id).unsubscribed_at is not None


def test_a_kind_that_was_removed_can_still_be_turned_down(client, path, topic) -> None:
    opting_out.remove(topic)

    assert "Only Newsletter" in client.get(path).text
    assert "gets no more <b" in client.post(path).text


def test_the_page_has_the_look_that_the_workspace_gave_it(cast, client, path) -> None:
    db.session.add(
        PublicLook(workspace_id=cast.workspace.id, name="<b>Harbour", text="Hi", colour="#00ff00")
    )
    text = client.get(path).text

    assert "&lt;b&gt;Harbour" in text
    assert 'fill="#00ff00"' in text
    assert "style=" not in text
