"""Suppressing a group from what is to be done: asked once with the count, and taken back."""

import pytest

from tests import makers
from tests.bulk_email.sent_again import copies
from webapp.bulk_email import jobs, suppressing_groups
from webapp.bulk_email.models_groups import SuppressedGroup
from webapp.delivery import raising
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.forms import claiming
from webapp.mail.causes import Cause

pytestmark = pytest.mark.database


@pytest.fixture
def asked(parent) -> str:
    return f"/w/acme/emails/{parent.id}/suppress?cause=mailbox_full"


def test_it_is_offered_where_it_makes_sense_and_to_admins(cast, parent, asked, sign_in) -> None:
    overview = f"/w/acme/emails/{parent.id}"

    assert asked in sign_in(cast.alice).get(overview).text
    assert "/suppress?cause=" not in sign_in(cast.bob).get(overview).text
    for cause in ("our_server", "blocked_content", "invalid_address", "nonsense"):
        wrong = asked.replace("mailbox_full", cause)
        assert wrong not in sign_in(cast.alice).get(overview).text
        assert sign_in(cast.alice).get(wrong).status_code == 404


def test_it_is_done_once_said_with_the_count_and_taken_back(cast, parent, asked, sign_in) -> None:
    client = sign_in(cast.alice)
    assert "Write no more to 1 person?" in client.get(asked).text
    assert client.post(asked, data={"number": "7"}).status_code == 422
    assert db.session.query(SuppressedGroup).count() == 0

    answer = client.post(asked, data={"number": "1", "period": "", "reason": "Enough"})
    page = client.get(answer.location).text
    assert "<b>1</b> address gets no more mail" in page
    assert "full@x.test" in makers.suppressed_addresses(cast.workspace)
    assert answer.location in client.get("/w/acme/suppressions").text
    assert "Their address is on the list" in client.get(asked).text

    assert client.post(answer.location, data={"reason": " "}).status_code == 422
    client.post(answer.location, data={"reason": "They made room"})
    assert "can get mail again" in client.get(answer.location).text
    assert "full@x.test" not in makers.suppressed_addresses(cast.workspace)


def test_many_are_left_to_a_worker(cast, parent, asked, sign_in, monkeypatch) -> None:
    monkeypatch.setattr(suppressing_groups, "CHUNK", 1)
    raising.set_statuses({copies(parent)["gaveup"].id: (Status.BOUNCED, Cause.MAILBOX_FULL, "")})
    db.session.commit()
    client = sign_in(cast.alice)

    page = client.get(client.post(asked, data={"number": "2"}).location).text

    assert "0 of 2" in page
    assert 'hx-trigger="every 1s"' in page


def test_what_was_given_up_is_said_and_tried_again(
    cast, parent, asked, sign_in, monkeypatch
) -> None:
    monkeypatch.setattr(suppressing_groups, "CHUNK", 0)  # left to a worker
    client = sign_in(cast.alice)
    group_page = client.post(asked, data={"number": "1"}).location
    assert "is not finished yet" in client.get("/w/acme/suppressions").text
    db.session.query(SuppressedGroup).update({"tries": claiming.MAX_TRIES, "lease_until": None})
    jobs.tick()

    page = client.get(group_page).text
    assert "Not finished: 0 of 1 done." in page
    assert 'hx-trigger="every 1s"' not in page
    assert "is not finished: it stopped" in client.get("/w/acme/suppressions").text

    monkeypatch.undo()
    client.post(group_page, data={"then": "again"})
    (group,) = db.session.query(SuppressedGroup)
    assert suppressing_groups.waiting() == [group.id]
    suppressing_groups.run(group.id)
    assert "<b>1</b> address gets no more mail" in client.get(group_page).text
    assert "not finished" not in client.get("/w/acme/suppressions").text
