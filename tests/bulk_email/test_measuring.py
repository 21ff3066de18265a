"""Speed and time left, as measured from the last minute."""

from datetime import timedelta

import pytest

from tests import makers
from webapp.bulk_email import measuring
from webapp.bulk_email.measuring import Speed
from webapp.bulk_email.models import Stage
from webapp.delivery.models import Pulse
from webapp.extensions import db
from webapp.lib import clock

pytestmark = pytest.mark.database


@pytest.fixture
def email(cast):
    form = makers.make_form(cast.workspace, [(f"P{n}", f"p{n}@x.test") for n in range(3)])
    made = makers.make_email(form, makers.make_connection(cast.workspace))
    makers.start(made)
    made.started_at = clock.now() - timedelta(hours=1)
    db.session.commit()
    return made


def pulse(email, ago: float, name: str = "x.test", **counts) -> None:
    at = clock.now() - timedelta(seconds=ago)
    db.session.add(Pulse(bulk_email_id=email.id, at=at, destination=name, **counts))
    db.session.commit()


def test_the_last_minute_counts_and_nothing_before(email) -> None:
    pulse(email, 50, accepted=900)
    pulse(email, 5, "y.test", accepted=90, refused=10, deferred=500)
    pulse(email, 70, accepted=100_000)
    speed = measuring.speed_of(email)

    assert speed.rate == pytest.approx(20, rel=0.02)
    assert (speed.words, speed.left(290), speed.is_still) == (
        "20 a second",
        "about 15 s left",
        False,
    )


def test_a_start_within_the_minute_is_measured_from_there(email) -> None:
    email.started_at = clock.now() - timedelta(seconds=5)
    pulse(email, 9, accepted=100)

    assert measuring.speed_of(email).rate == pytest.approx(20, rel=0.05)


@pytest.mark.parametrize("counts", [{"accepted": 3}, {"deferred": 400}])
def test_too_few_say_nothing(email, counts) -> None:
    pulse(email, 6, **counts)
    speed = measuring.speed_of(email)

    assert (speed.rate, speed.words, speed.left(100)) == (None, "", "")


def test_what_stands_still_says_so(email) -> None:
    pulse(email, 40, accepted=90)

    assert measuring.speed_of(email).is_still
    assert measuring.rates(email.id) == {}


def test_only_emails_being_sent_have_a_speed(email) -> None:
    pulse(email, 5, accepted=90)
    email.stage = Stage.FINISHED
    db.session.commit()

    assert measuring.speed_of(email) == Speed()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "5 s"), (11, "15 s"), (55, "55 s"), (56, "1 min"), (61, "2 min"), (3541, "1 h"),
        (3700, "1 h 10 min"), (7200, "2 h"), (400_000, "5 days"),
    ],
)  # fmt: skip
def test_a_length_of_time_is_rounded_up(seconds, words) -> None:
    assert measuring.duration(seconds) == words


def test_a_rate_is_said_by_the_second_or_the_minute() -> None:
    rates = [None, 0.05, 0.5, 1.26, 9.96, 80.4, 1234.5]
    assert [measuring.rate_words(rate) for rate in rates] == [
        "", "3 a minute", "30 a minute", "1.3 a second", "10 a second", "80 a second",
        "1,234 a second",
    ]  # fmt: skip
