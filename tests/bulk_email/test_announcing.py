"""The sender is told once that an email has finished, settled or stopped, with sums that add up."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import update

from tests import makers
from webapp.accounts.models import Letter, Member, Role
from webapp.accounts.models_telling import Tiding
from webapp.accounts.telling import Means
from webapp.bulk_email import announcing, sending
from webapp.bulk_email.models import BulkEmail, PauseTopic
from webapp.delivery import raising
from webapp.delivery.models import Recipient
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.lib import clock
from webapp.mail.causes import Cause

pytestmark = pytest.mark.database
MEANS = Means("https://app.test", makers.TOKEN_KEY, has_mail_server=True)
SAID = {
    "Ann": (Status.DELIVERED, None),
    "Bo": (Status.BOUNCED, Cause.MAILBOX_MISSING),
    "Cy": (Status.BOUNCED, Cause.MAILBOX_MISSING),
    "Di": (Status.DROPPED, Cause.SUPPRESSED),
    "Ed": (Status.SENT, None),
}


@pytest.fixture
def email(cast) -> BulkEmail:
    """Finished, and Ed's provider has said nothing yet."""
    form = makers.make_form(cast.workspace, [(name, f"{name}@x.test") for name in SAID])
    made = makers.make_email(form, makers.make_connection(cast.workspace), by=cast.alice)
    makers.start(made)
    say(SAID)
    assert sending.finish_if_done(made.id)
    return made


def say(said: dict) -> None:
    ids = dict(db.session.query(Recipient.name, Recipient.id))
    raising.raise_statuses(raising.Change(ids[name], *what) for name, what in said.items())
    db.session.commit()


def later(email: BulkEmail, minutes: int = 2) -> None:
    """The email has been finished for some time."""
    at = clock.now() - timedelta(minutes=minutes)
    db.session.execute(update(BulkEmail).values(finished_at=at))
    db.session.commit()


def announce() -> list[str]:
    """What the clock has told; the titles of the letters."""
    for email_id in announcing.due():
        announcing.announce(email_id, MEANS)
    return list(db.session.scalars(db.select(Letter.subject).order_by(Letter.id)))


def test_it_is_told_after_a_minute_and_again_when_settled_once_each(email) -> None:
    assert announce() == []
    later(email)
    assert announce() == announce() == ["Finished: Hello {{ name }}"]

    say({"Ed": (Status.DELIVERED, None)})

    both = ["Finished: Hello {{ name }}", "Settled: Hello {{ name }}"]
    assert announce() == announce() == both


def test_what_settles_within_the_minute_is_one_mail(email) -> None:
    say({"Ed": (Status.DELIVERED, None)})

    assert announce() == ["Finished: Hello {{ name }}"]
    later(email)
    assert len(announce()) == 1


def test_the_mail_says_who_did_not_get_it_with_numbers_that_add_up(email) -> None:
    later(email)
    announce()

    text = db.session.query(Letter).one().text
    selected, *parts = map(int, re.findall(r"^ +(\d+)  ", text, re.MULTILINE))
    assert selected == sum(parts) == 5
    assert "Not sent (3), by cause:" in text
    assert "* 2 × The mailbox does not exist.\n  Bo, Cy" in text
    assert "https://app.test/w/acme/emails/1/recipients?show=ended\n" in text
    assert "/emails/1/recipients?show=ended&cause=mailbox_missing\n" in text
    assert db.session.query(Tiding.text).scalar() == "1 of 5 delivered, 3 not sent."


def test_sending_again_to_some_is_told_no_more(email, cast) -> None:
    later(email)
    announce()
    copy = db.session.query(Recipient).filter_by(name="Ed").one()
    db.session.execute(
        update(Recipient).where(Recipient.id == copy.id).values(status=Status.FAILED)
    )
    db.session.commit()

    assert sending.send_again(email, [copy.id], cast.alice) == 1
    say({"Ed": (Status.SENT, None)})
    sending.finish_if_done(email.id)
    later(email)

    assert len(announce()) == 1


def test_a_stop_is_told_at_once_and_each_time_somebody_resumed(cast, email) -> None:
    db.session.execute(update(BulkEmail).values(stage="sending", finished_at=None))
    db.session.commit()

    for number in (1, 2):
        sending.pause(email, None, "6 of 100 bounced.", PauseTopic.BOUNCES)
        announce()
        assert len(announce()) == number
        sending.resume(email, cast.alice)
    assert db.session.query(Tiding.path).first()[0].endswith("/recipients?show=bounced")


def test_a_pause_by_hand_is_no_news(cast, email) -> None:
    db.session.execute(update(BulkEmail).values(stage="sending"))
    db.session.commit()
    sending.pause(email, cast.alice)

    assert announce() == []


def test_admins_are_told_of_what_only_they_can_mend(cast, email) -> None:
    db.session.query(Member).filter_by(user_id=cast.bob.id).one().role = Role.EDITOR
    db.session.execute(update(BulkEmail).values(stage="sending", created_by_id=cast.bob.id))
    db.session.commit()
    sending.pause(email, None, "The mail server refuses to send for us: 535.")
    announce()

    assert {row.address for row in db.session.query(Letter)} == {
        "alice@example.org",
        "bob@example.org",
    }


def test_a_sender_who_left_is_not_told(cast, email) -> None:
    db.session.execute(update(BulkEmail).values(created_by_id=cast.charlie.id))
    later(email)
    announce()

    assert [row.address for row in db.session.query(Letter)] == ["alice@example.org"]


def test_a_cancelled_email_is_told_once_the_rest_is_withheld(cast) -> None:
    form = makers.make_form(cast.workspace, [(name, f"{name}@x.test") for name in SAID])
    made = makers.make_email(form, makers.make_connection(cast.workspace), by=cast.alice)
    makers.start(made)
    say({"Ann": (Status.DELIVERED, None), "Ed": (Status.SENT, None)})
    assert sending.cancel(made, cast.alice)
    assert announce() == []

    assert sending.withhold_some(made.id) == 3
    assert announce() == announce() == ["Cancelled: Hello {{ name }}"]

    tiding = db.session.scalar(db.select(Tiding))
    assert tiding.text == f"Cancelled by {cast.alice.name}. 1 of 5 delivered, 3 not sent."
    text = db.session.scalar(db.select(Letter.text))
    assert "3  dropped" in text
    assert "Bo, Cy, Di" in text
