"""Steering an email on its way, deciding about doubtful copies, and adopting a database."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from tests import makers
from webapp.accounts.models import AuditEntry
from webapp.bulk_email import scheduling
from webapp.bulk_email.models import BulkEmail
from webapp.delivery import adopting, raising
from webapp.delivery.models import Doubt, Recipient, SendingHost
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.lib import clock
from webapp.mail.causes import Cause
from webapp.plugins import catalogue, installing

pytestmark = pytest.mark.database
PART = {"HX-Request": "true"}
EMAILS = "/w/acme/emails"


@pytest.fixture
def draft(cast) -> BulkEmail:
    installing.install(cast.workspace, catalogue.find("bulk_email"), cast.alice)
    form = makers.make_form(cast.workspace, [("Ann", "ann@x.test"), ("Bo", "bo@x.test")])
    return makers.make_email(form, makers.make_connection(cast.workspace), cast.alice)


@pytest.fixture
def email(draft) -> BulkEmail:
    makers.start(draft)
    return draft


@pytest.fixture
def scheduled(cast, draft) -> BulkEmail:
    at = clock.now() + timedelta(hours=5)
    scheduling.schedule(draft, at=at, zone="Europe/Berlin", by=cast.alice)
    return draft


@pytest.fixture
def missed(scheduled) -> BulkEmail:
    late = clock.now() - timedelta(hours=2)
    db.session.execute(update(BulkEmail).values(scheduled_at=late))
    db.session.commit()
    return scheduled


@pytest.fixture
def doubtful(email) -> list[int]:
    """The ids of two copies of which nobody can tell."""
    ids = list(db.session.scalars(select(Recipient.id).order_by(Recipient.id)))
    raising.raise_statuses(
        raising.Change(each, Status.UNCONFIRMED, Cause.UNKNOWN, is_decision=True) for each in ids
    )
    db.session.commit()
    return ids


def stage_of(email: BulkEmail) -> str:
    db.session.expire_all()
    return email.stage


def last_action() -> str:
    return db.session.scalar(select(AuditEntry.action).order_by(AuditEntry.id.desc()))


@pytest.mark.parametrize(
    ("command", "stage", "words"),
    [
        ("pause", "paused", "2 people still wait"),
        ("cancel", "cancelled", "2 people will not get"),
    ],
)
def test_a_command_is_asked_once_and_done_once(cast, email, sign_in, command, stage, words):
    client = sign_in(cast.alice)
    where = f"{EMAILS}/{email.id}/do/{command}"

    assert words in client.get(where, headers=PART).text
    assert stage_of(email) == "sending"
    assert client.post(where).status_code == 303
    assert stage_of(email) == stage
    assert "not possible any more" in client.get(client.post(where).location).text


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_asking_alone_does_nothing(cast, email, sign_in, method) -> None:
    sign_in(cast.alice).open(f"{EMAILS}/{email.id}/do/cancel", method=method)

    assert stage_of(email) == "sending"


def test_a_paused_email_says_by_whom_and_what_to_do(cast, email, sign_in) -> None:
    client = sign_in(cast.alice)
    client.post(f"{EMAILS}/{email.id}/do/pause")

    assert "Paused by Alice. Nobody else gets it until somebody presses Resume." in (
        client.get(f"{EMAILS}/{email.id}").text
    )


def test_the_deadline_is_changed_and_shown_on_activity(cast, email, sign_in) -> None:
    client = sign_in(cast.alice)
    day = clock.now() + timedelta(days=2)
    data = {"day": f"{day:%Y-%m-%d}", "time": "10:00", "zone": "UTC"}
    where = f"{EMAILS}/{email.id}/deadline"

    assert "Stop trying after" in client.get(where, headers=PART).text
    assert client.post(where, data=data).status_code == 303

    db.session.expire_all()
    assert f"{email.deadline:%Y-%m-%d %H:%M}" == f"{day:%Y-%m-%d} 10:00"
    assert "changed the end of the tries from" in client.get(f"{EMAILS}/{email.id}/activity").text


@pytest.mark.parametrize(("days", "words"), [(-1, "over already"), (31, "within 30 days")])
def test_a_deadline_that_cannot_be_is_refused(cast, email, sign_in, days, words) -> None:
    day = clock.now() + timedelta(days=days)
    data = {"day": f"{day:%Y-%m-%d}", "time": "10:00", "zone": "UTC"}

    answer = sign_in(cast.alice).post(f"{EMAILS}/{email.id}/deadline", data=data)

    assert answer.status_code == 422
    assert words in answer.text


def test_a_scheduled_email_can_be_moved_and_taken_back(cast, scheduled, sign_in) -> None:
    client = sign_in(cast.alice)
    day = clock.now() + timedelta(days=3)
    where = f"{EMAILS}/{scheduled.id}"
    assert "(Europe/Berlin); for you" in client.get(f"{where}/reschedule", headers=PART).text

    data = {"day": f"{day:%Y-%m-%d}", "time": "07:15", "zone": "America/New_York"}
    assert client.post(f"{where}/reschedule", data=data).status_code == 303
    assert "07:15 (America/New_York)" in client.get(where).text
    assert last_action() == "email.rescheduled"

    assert client.post(f"{where}/do/unschedule").location == f"{where}/compose"
    assert stage_of(scheduled) == "draft"


def test_a_clock_that_jumps_is_told_when_rescheduling(cast, scheduled, sign_in, monkeypatch):
    spring = clock.now().replace(year=2027, month=3, day=1)
    monkeypatch.setattr(scheduling.clock, "now", lambda: spring)
    data = {"day": "2027-03-28", "time": "02:30", "zone": "Europe/Berlin"}

    answer = sign_in(cast.alice).post(f"{EMAILS}/{scheduled.id}/reschedule", data=data)

    assert answer.status_code == 422
    assert "jump over 02:30" in answer.text
    assert 'value="02:30"' in answer.text


def test_a_missed_email_asks_on_the_list_and_on_its_page(cast, missed, sign_in) -> None:
    client = sign_in(cast.alice)

    for path in (EMAILS, f"{EMAILS}/{missed.id}"):
        text = client.get(path).text
        assert "was to go out" in text
        assert "Send it now …" in text
        assert "Back to a draft" in text
        assert "Missed its time" in text
    assert "Ask an editor." in sign_in(cast.bob).get(EMAILS).text


def test_the_person_decides_what_becomes_of_it(cast, missed, sign_in) -> None:
    client = sign_in(cast.alice)
    send = client.get(f"{EMAILS}/{missed.id}/send").text
    assert '<input class="form-check-input" type="radio" name="when" value="now" checked>' in send

    data = {"when": "now", "hours": "72", "nonce": "n"}
    assert client.post(f"{EMAILS}/{missed.id}/send", data=data).status_code == 303
    assert stage_of(missed) == "preparing"


def test_copies_in_doubt_are_listed_with_what_can_be_done(cast, email, doubtful, sign_in) -> None:
    client = sign_in(cast.alice)

    assert "Of 2 copies we cannot tell" in client.get(f"{EMAILS}/{email.id}").text
    text = client.get(f"{EMAILS}/{email.id}/doubtful").text
    for words in ("ann@x.test", "bo@x.test", "Send again", "Mark as sent", "for you to decide"):
        assert words in text
    assert "Send again</button>" not in sign_in(cast.bob).get(f"{EMAILS}/{email.id}/doubtful").text


def test_the_chosen_ones_are_sent_again_and_the_rest_marked(cast, email, doubtful, sign_in):
    client, where = sign_in(cast.alice), f"{EMAILS}/{email.id}/doubtful"

    client.post(where, data={"command": "send-again", "which": "chosen", "copy": doubtful[:1]})
    assert makers.statuses(email) == {"ann@x.test": "queued", "bo@x.test": "unconfirmed"}
    assert last_action() == "email.sent_again"

    client.post(where, data={"command": "mark-as-sent", "which": "all"})
    assert makers.statuses(email) == {"ann@x.test": "queued", "bo@x.test": "sent"}
    assert last_action() == "email.marked_as_sent"
    assert "No copy is in doubt" in client.get(where).text


@pytest.mark.parametrize("chosen", [[], ["9" * 30], ["x"]])
def test_choosing_nothing_does_nothing(cast, email, doubtful, sign_in, chosen) -> None:
    data = {"command": "send-again", "which": "chosen", "copy": chosen}

    client, where = sign_in(cast.alice), f"{EMAILS}/{email.id}/doubtful"

    assert client.post(where, data=data).location == where
    assert "Choose at least one copy" in client.get(where).text
    assert set(makers.statuses(email).values()) == {"unconfirmed"}


@pytest.fixture
def in_doubt(draft) -> None:
    db.session.add(SendingHost(id="h", name="mail-2", doubt=Doubt.MOVED))
    db.session.commit()


def test_a_copied_database_is_said_to_everybody_and_asked_of_admins(cast, in_doubt, sign_in):
    admin, viewer = sign_in(cast.alice).get(EMAILS).text, sign_in(cast.bob).get(EMAILS).text

    for text in (admin, viewer):
        assert "Nothing leaves from here." in text
        assert "in another place than mail-2 knows" in text
    assert "This is the one that sends …" in admin
    assert "This is the one that sends …" not in viewer


def test_an_admin_adopts_it_after_one_question(cast, scheduled, in_doubt, sign_in) -> None:
    client = sign_in(cast.alice)

    question = client.get("/w/acme/adopt", headers=PART).text
    assert "Say yes only if no other installation sends" in question
    assert "1 email goes on" in question
    assert adopting.questions()

    assert client.post("/w/acme/adopt").status_code == 303
    assert not adopting.questions()
    assert last_action() == "database.adopted"
    assert "Nothing leaves from here." not in client.get(EMAILS).text
