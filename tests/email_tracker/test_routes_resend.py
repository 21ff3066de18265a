"""The page that sends again: as page and part, asked once, and never more than was said."""

import pytest

from tests import makers
from webapp.bulk_email import previewing
from webapp.bulk_email.models import BulkEmail
from webapp.bulk_email.models_looks import ResendLook
from webapp.delivery import raising
from webapp.delivery.models import Recipient
from webapp.delivery.statuses import Status
from webapp.email_tracker import routes_resend
from webapp.extensions import db
from webapp.forms.models import Record
from webapp.mail.causes import Cause

pytestmark = pytest.mark.database
PART = {"HX-Request": "true"}
NOW = {"when": "now", "hours": "24", "nonce": "n"}


@pytest.fixture
def email(cast, connection) -> BulkEmail:
    """Ann has it, Bo's server gave up, Cy's mailbox does not exist."""
    rows = [("Ann", "ann@x.test"), ("Bo", "bo@x.test"), ("Cy", "cy@x.test")]
    made = makers.make_email(makers.make_form(cast.workspace, rows), connection, cast.alice)
    makers.start(made)
    said = [
        (Status.DELIVERED, None),
        (Status.BOUNCED_SOFT, Cause.GAVE_UP),
        (Status.BOUNCED, Cause.MAILBOX_MISSING),
    ]
    ids = [copy.id for copy in db.session.query(Recipient).order_by(Recipient.id)]
    raising.raise_statuses(
        raising.Change(each, *what) for each, what in zip(ids, said, strict=True)
    )
    db.session.commit()
    return made


def path(email: BulkEmail, query: str = "") -> str:
    return f"/w/acme/emails/{email.id}/resend{query}"


def children(email: BulkEmail) -> list[BulkEmail]:
    db.session.expire_all()
    return db.session.query(BulkEmail).filter_by(parent_id=email.id).all()


@pytest.mark.parametrize("headers", [{}, PART], ids=["page", "part"])
def test_it_says_who_would_get_it_and_why_each_other_would_not(
    cast, email, sign_in, headers
) -> None:
    answer = sign_in(cast.alice).get(path(email), headers=headers)

    assert ("<html" in answer.text) == (not headers)
    assert "<b>1 person</b>" in answer.text
    assert "Send again to 1 person</button>" in answer.text
    assert "who have it: delivered" in answer.text
    assert "whose address is still the one that failed" in answer.text
    assert children(email) == []


def test_the_answer_sends_once_however_often_it_is_given(cast, email, sign_in) -> None:
    client = sign_in(cast.alice)

    answers = [
        client.post(path(email), data=NOW | {"then": "send", "number": "1"}) for _ in range(2)
    ]

    (child,) = children(email)
    assert (answers[0].status_code, answers[0].location) == (303, f"/w/acme/emails/{child.id}")
    assert (child.stage, child.expected) == ("preparing", 1)


def test_of_many_copies_it_is_counted_by_a_worker_and_what_was_typed_stays(
    cast, email, sign_in, monkeypatch
) -> None:
    monkeypatch.setattr(previewing, "AT_ONCE", 0)
    client, typed = sign_in(cast.alice), NOW | {"hours": "7"}

    assert "Look who may get it again" in client.get(path(email)).text
    assert db.session.query(ResendLook).count() == 0
    waiting = client.post(path(email), data=typed | {"then": "send", "number": "1"})
    assert "0 of 2 failed copies" in waiting.text
    assert '<input type="hidden" name="hours" value="7">' in waiting.text
    assert children(email) == []
    previewing.count(db.session.query(ResendLook).one().id)
    looked = client.post(path(email), data=typed).text
    assert "<b>1 person</b>" in looked
    assert "Counted <time" in looked
    assert 'value="7"' in looked

    answer = client.post(path(email), data=typed | {"then": "send", "number": "1"})
    assert (answer.status_code, children(email)[0].expected) == (303, 1)


def test_a_second_page_cannot_send_to_those_of_the_first(cast, email, sign_in) -> None:
    client = sign_in(cast.alice)
    client.post(path(email), data=NOW | {"then": "send", "number": "1"})
    makers.statuses(email)
    while makers.preparing.prepare_some(children(email)[0].id):
        pass

    answer = client.post(path(email), data=NOW | {"nonce": "m", "then": "send", "number": "1"})

    assert answer.status_code == 422
    assert "Nobody can get it again as things are." in answer.text
    assert len(children(email)) == 1


@pytest.mark.parametrize("number", ["", "2", "x"])
def test_another_number_than_was_said_is_asked_again(cast, email, sign_in, number) -> None:
    answer = sign_in(cast.alice).post(
        path(email), data=NOW | {"then": "send", "number": number}, headers=PART
    )

    assert answer.status_code == 422
    assert "It would now go to 1. Look once more" in answer.text
    assert children(email) == []


def test_who_wants_more_time_is_looked_at_for_then(cast, email, sign_in, monkeypatch) -> None:
    bo = db.session.query(Recipient).filter_by(name="Bo").one()
    raising.set_statuses({bo.id: (Status.BOUNCED, Cause.MAILBOX_FULL, "")})
    db.session.commit()
    client, asked = sign_in(cast.alice), path(email, "?cause=mailbox_full")

    page = client.get(asked).text
    assert "Send again to 1 person then</button>" in page
    assert 'name="when" value="later" checked' in page
    assert "Nobody" in client.post(asked, data=NOW | {"then": "look"}).text
    monkeypatch.setattr(previewing, "AT_ONCE", 0)
    waiting = client.post(asked, data={"first": "y"}).text
    assert '<input type="hidden" name="when" value="later">' in waiting
    assert '<input type="hidden" name="day"' in waiting


def test_many_are_typed(cast, email, sign_in, monkeypatch) -> None:
    monkeypatch.setattr(routes_resend, "TYPE_THE_NUMBER_ABOVE", 0)
    client, data = sign_in(cast.alice), NOW | {"then": "send", "number": "1"}

    answer = client.post(path(email), data=data)
    assert (answer.status_code, children(email)) == (422, [])
    assert "Type 1 to say that you mean all of them." in answer.text
    assert client.post(path(email), data=data | {"typed": "1"}).status_code == 303


def test_a_corrected_address_is_counted_in_kept_and_written_back(cast, email, sign_in) -> None:
    client = sign_in(cast.alice)
    cy = next(row for row in db.session.query(Record) if row.values["name"] == "Cy").id
    typed = NOW | {f"address-{cy}": "cy@new.test", "write_back": "y"}

    looked = client.post(path(email), data=typed | {"then": "look"}).text
    assert "<b>2 people</b>" in looked
    assert 'value="cy@new.test"' in looked
    assert children(email) == []

    assert client.post(path(email), data=typed | {"then": "send", "number": "2"}).status_code == 303
    assert children(email)[0].expected == 2
    assert db.session.get(Record, cy).values["email"] == "cy@new.test"


def test_a_bad_address_is_refused_at_its_field(cast, email, sign_in) -> None:
    cy = next(row for row in db.session.query(Record) if row.values["name"] == "Cy").id

    answer = sign_in(cast.alice).post(
        path(email), data=NOW | {f"address-{cy}": "cy@", "then": "send", "number": "1"}
    )

    assert answer.status_code == 422
    assert f'id="address-{cy}-error"' in answer.text
    assert 'value="cy@"' in answer.text
    assert children(email) == []


def test_nothing_ticked_is_not_everybody(cast, email, sign_in) -> None:
    answer = sign_in(cast.alice).get(path(email, "?ticked=y"))

    assert answer.location == f"/w/acme/emails/{email.id}/recipients"


def test_the_text_can_be_changed_first(cast, email, sign_in) -> None:
    client = sign_in(cast.alice)

    answer = client.post(path(email), data=NOW | {"then": "draft"})

    (child,) = children(email)
    assert answer.location == f"/w/acme/emails/{child.id}/compose"
    text = client.get(answer.location).text
    assert "1 record:" in text
    assert "goes only to those who did not get" in text


def test_a_time_to_come_schedules_it(cast, email, sign_in) -> None:
    later = {"when": "later", "day": "2020-01-01", "time": "08:00", "zone": "UTC"}
    client, data = sign_in(cast.alice), NOW | later | {"then": "send", "number": "1"}

    assert client.post(path(email), data=data).status_code == 422
    day = f"{makers.clock_tomorrow():%Y-%m-%d}"
    assert client.post(path(email), data=data | {"day": day}).status_code == 303
    assert children(email)[0].stage == "scheduled"


def test_the_parent_says_how_many_were_reached_later(cast, email, sign_in) -> None:
    client = sign_in(cast.alice)
    client.post(path(email), data=NOW | {"then": "send", "number": "1"})
    child = children(email)[0]
    while makers.preparing.prepare_some(child.id):
        pass
    page = client.get(f"/w/acme/emails/{email.id}").text
    assert "0 of 2 reached later" in page
    copy = db.session.query(Recipient).filter_by(bulk_email_id=child.id).one()
    raising.raise_statuses([raising.Change(copy.id, Status.DELIVERED)])
    db.session.commit()

    live = client.get(f"/w/acme/emails/{email.id}/live/sent-again?version=x", headers=PART)
    assert "1 of 2 reached later" in live.text
    assert "1 of 2 reached later" in client.get("/w/acme/emails").text
    assert "again, to some who did not get" in client.get(f"/w/acme/emails/{child.id}").text
    assert makers.books(email).bounced == 2
