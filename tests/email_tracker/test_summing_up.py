"""Causes, providers and times: right for small emails at once, for large ones as a job counted."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from tests import makers
from webapp.bulk_email import listing
from webapp.bulk_email.models import BulkEmail
from webapp.delivery import grouping, raising, tallying
from webapp.delivery.models import MailDomain, Recipient, Tally
from webapp.delivery.models_insight import Insight
from webapp.delivery.statuses import Status
from webapp.email_tracker import summing_up
from webapp.email_tracker.summing_up import Failure, Moment, Provider
from webapp.extensions import db
from webapp.lib import clock
from webapp.mail.causes import Cause

pytestmark = pytest.mark.database
SAID = [
    ("Ann", "ann@gmail.com", Status.DELIVERED, None),
    ("Bo", "bo@googlemail.com", Status.BOUNCED, Cause.MAILBOX_MISSING),
    ("Cy", "cy@uni.test", Status.BOUNCED, Cause.MAILBOX_MISSING),
    ("Di", "di@uni.test", Status.DEFERRED, Cause.GREYLISTED),
    ("Ed", "ed@other.test", Status.SENT, None),
    ("Flo", "", None, None),
]


@pytest.fixture
def email(cast) -> BulkEmail:
    rows = [(name, address) for name, address, _, _ in SAID]
    form = makers.make_form(cast.workspace, rows)
    made = makers.make_email(form, makers.make_connection(cast.workspace))
    makers.start(made)
    ids = {copy.name: copy.id for copy in db.session.query(Recipient)}
    raising.raise_statuses(
        raising.Change(ids[name], status, cause) for name, _, status, cause in SAID if status
    )
    db.session.add(MailDomain(name="uni.test", operator="Google", look_again_at=clock.now()))
    db.session.commit()
    return made


def figures(email: BulkEmail) -> tuple[summing_up.Figures | None, bool]:
    db.session.expire_all()
    return summing_up.figures(email, db.session.get(Tally, email.id))


@pytest.fixture
def large(email, monkeypatch) -> BulkEmail:
    monkeypatch.setattr(summing_up, "COUNTED_AT_ONCE", 3)
    return email


def test_causes_come_with_numbers_and_first_names(email) -> None:
    found, is_current = figures(email)

    assert is_current
    assert found.failures == [
        Failure(Status.BOUNCED, "mailbox_missing", 2, ("Bo", "Cy")),
        Failure(Status.DEFERRED, "greylisted", 1, ("Di",)),
        Failure(Status.FAILED, "invalid_address", 1, ("Flo",)),
    ]


def test_providers_are_those_behind_the_domains_the_worst_first(email) -> None:
    assert figures(email)[0].providers == [
        Provider("Google", delivered=1, lost=2, open=1),
        Provider("other.test", delivered=0, lost=0, open=1),
    ]
    assert set(grouping.domains_of("Google")) >= {"gmail.com", "uni.test"}


def test_the_small_providers_are_summed_up(email, monkeypatch) -> None:
    monkeypatch.setattr(summing_up, "MOST_PROVIDERS", 1)

    assert [each.name for each in figures(email)[0].providers] == ["Google", ""]


@pytest.mark.parametrize(
    ("after", "unit", "number"),
    [
        (timedelta(seconds=-30), "minute", 0),
        (timedelta(minutes=59, seconds=59), "minute", 59),
        (timedelta(hours=1), "hour", 1),
        (timedelta(hours=47, minutes=59), "hour", 47),
        (timedelta(days=3, hours=1), "day", 3),
    ],
)
def test_times_are_counted_by_minute_then_hour_then_day(email, after, unit, number) -> None:
    start = email.started_at.replace(microsecond=0)
    values = {"delivered_at": start + after, "changed_at": start}
    db.session.execute(update(BulkEmail).values(started_at=start))
    db.session.execute(update(Recipient).values(changed_at=start))
    db.session.execute(update(Recipient).where(Recipient.name == "Ann").values(**values))
    db.session.commit()

    moments = figures(email)[0].moments

    assert sum(moment.delivered + moment.lost for moment in moments) == 4
    assert [m for m in moments if m.delivered][0] == Moment(
        unit, number, 1, 3 if (unit, number) == ("minute", 0) else 0
    )


def test_a_large_email_is_counted_by_a_job_alone(large) -> None:
    assert figures(large) == (None, False)
    assert summing_up.count(large.id)

    found, is_current = figures(large)
    assert is_current
    assert found.failures[0].number == 2


def test_what_is_new_is_counted_again_but_not_at_once(large) -> None:
    summing_up.count(large.id)
    assert not summing_up.count(large.id)  # nothing is new
    db.session.execute(update(Insight).values(took=60_000))
    tallying.touch(large.id)
    db.session.commit()

    assert not figures(large)[1]
    assert not summing_up.count(large.id)  # counting took long, so it rests long

    db.session.execute(update(Insight).values(took=0))
    db.session.commit()
    assert summing_up.count(large.id)
    assert figures(large)[1]


def test_the_mark_tells_of_newer_counts(large) -> None:
    tally = db.session.get(Tally, large.id)
    assert summing_up.mark(listing.glimpse_of(large, tally)) == ("-never", False)
    summing_up.count(large.id)
    mark, is_current = summing_up.mark(listing.glimpse_of(large, db.session.get(Tally, large.id)))
    assert (mark != "-never", is_current) == (True, True)
