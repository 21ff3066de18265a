"""Too many bounces stop an email while there is still somebody to spare."""

import pytest

from tests import makers
from tests.smtp_server import SmtpServer
from webapp.bulk_email import draining, guarding, sending
from webapp.bulk_email.models import BulkEmail, PauseTopic, Stage
from webapp.delivery.models import Tally
from webapp.extensions import db
from webapp.plugins import catalogue, installing

pytestmark = pytest.mark.database


@pytest.fixture
def email(cast) -> BulkEmail:
    form = makers.make_form(cast.workspace, [("Ann", "ann@x.test")])
    email = makers.make_email(form, makers.make_connection(cast.workspace), by=cast.alice)
    makers.start(email)
    return email


def counts(email: BulkEmail, **numbers: int) -> None:
    tally = db.session.get(Tally, email.id)
    for name, number in ({"queued": 50} | numbers).items():
        setattr(tally, name, number)
    db.session.commit()


def test_it_asks_when_more_than_one_in_twenty_bounced(email) -> None:
    counts(email, sent=94, bounced=6)

    assert guarding.ask_if_many_bounce(email)
    assert (email.stage, email.pause_topic) == (Stage.PAUSED, PauseTopic.BOUNCES)
    assert "6 of the 100 copies tried so far have bounced" in email.pause_reason


@pytest.mark.parametrize(
    "numbers",
    [
        {"sent": 93, "bounced": 6},  # not a hundred yet
        {"sent": 95, "bounced": 5},  # five in a hundred are not more than 5 %
        {"sent": 50, "bounced": 20, "withheld": 40},  # nobody tried the withheld ones
        {"sent": 50, "bounced": 50, "queued": 0},  # nobody left to be spared
    ],
)
def test_it_does_not_ask_before(email, numbers) -> None:
    counts(email, **numbers)

    assert not guarding.ask_if_many_bounce(email)
    assert email.stage == Stage.SENDING


def test_who_has_said_resume_is_not_asked_again(email, cast) -> None:
    counts(email, sent=50, bounced=50)
    guarding.ask_if_many_bounce(email)
    sending.resume(email, cast.alice)

    assert not guarding.ask_if_many_bounce(email)
    assert email.stage == Stage.SENDING


def test_the_page_says_why_and_speaks_of_no_connection(email, cast, sign_in) -> None:
    installing.install(cast.workspace, catalogue.find("bulk_email"), cast.alice)
    counts(email, sent=50, bounced=50)
    guarding.ask_if_many_bounce(email)
    page = sign_in(cast.alice).get(f"/w/acme/emails/{email.id}").text

    assert "50 of the 100 copies tried so far have bounced, more than 5 %." in page
    assert "Resume" in page
    assert "mend the connection" not in page


def test_a_worker_looks_after_each_turn(cast) -> None:
    with SmtpServer() as server:
        form = makers.make_form(cast.workspace, [("Ann", "ann@x.test")])
        email = makers.make_email(form, makers.make_connection(cast.workspace, server.port))
        makers.start(email)
        counts(email, bounced=100, queued=51)
        draining.drain(makers.make_setting(), seconds=10)

    assert email.stage == Stage.PAUSED
