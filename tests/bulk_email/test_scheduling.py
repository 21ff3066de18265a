"""Sending at a time to come."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from tests import makers
from webapp.accounts.models import AuditEntry
from webapp.bulk_email import scheduling, sending
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.bulk_email.scheduling import MomentError, moment
from webapp.extensions import db
from webapp.lib import clock

pytestmark = pytest.mark.database
NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)


@pytest.fixture
def at_noon(monkeypatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def draft(cast) -> BulkEmail:
    form = makers.make_form(cast.workspace, [("Ann", "ann@x.test")])
    return makers.make_email(form, makers.make_connection(cast.workspace))


def set_time(draft: BulkEmail, ago: timedelta) -> None:
    values = {"scheduled_at": clock.now() - ago}
    db.session.execute(update(BulkEmail).where(BulkEmail.id == draft.id).values(**values))
    db.session.commit()
    db.session.expire_all()


def schedule(draft: BulkEmail, cast, hours: int = 5, **kw) -> bool:
    at = clock.now() + timedelta(hours=hours)
    return scheduling.schedule(draft, at=at, zone="Europe/Berlin", by=cast.alice, **kw)


def audited() -> list[str]:
    return [entry.action for entry in db.session.query(AuditEntry).order_by(AuditEntry.id)]


@pytest.mark.parametrize(
    ("day", "time", "zone", "utc"),
    [
        ("2026-10-02", "08:00", "UTC", datetime(2026, 10, 2, 8, tzinfo=UTC)),
        ("2026-10-02", "08:00", "Europe/Berlin", datetime(2026, 10, 2, 6, tzinfo=UTC)),
        ("2026-12-02", "08:00", "Europe/Berlin", datetime(2026, 12, 2, 7, tzinfo=UTC)),
        ("2026-12-02", "08:00", "Asia/Kathmandu", datetime(2026, 12, 2, 2, 15, tzinfo=UTC)),
        # 02:30 comes twice: the first of the two
        ("2026-10-25", "02:30", "Europe/Berlin", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
    ],
)
def test_a_time_is_said_in_a_zone(at_noon, day, time, zone, utc) -> None:
    assert moment(day, time, zone) == utc


@pytest.mark.parametrize(
    ("day", "time", "zone", "words"),
    [
        ("2027-03-28", "02:30", "Europe/Berlin", "jump over 02:30 .* like 03:30"),
        ("2027-03-14", "02:00", "America/New_York", "jump over 02:00 .* like 03:00"),
        ("2026-10-01", "12:00", "UTC", "over already"),
        ("2026-10-01", "13:30", "Europe/Berlin", "over already"),
        ("2028-10-01", "12:00", "UTC", "within a year"),
        ("9999-12-31", "23:59", "America/New_York", "within a year"),
        ("", "12:00", "UTC", "a date and a time"),
        ("2026-13-40", "12:00", "UTC", "a date and a time"),
        ("2026-10-02", "noon", "UTC", "a date and a time"),
        ("2026-10-02", "12:00", "Mars/Olympus", "zone from the list"),
        ("2026-10-02", "12:00", "../../etc/passwd", "zone from the list"),
    ],
)
def test_what_is_no_time_to_come_is_refused_with_a_sentence(at_noon, day, time, zone, words):
    with pytest.raises(MomentError, match=words):
        moment(day, time, zone)


def test_a_scheduled_email_waits_for_its_time(cast, draft) -> None:
    assert schedule(draft, cast, try_for=timedelta(hours=10))

    assert (draft.stage, draft.schedule_zone) == (Stage.SCHEDULED, "Europe/Berlin")
    assert draft.deadline == draft.scheduled_at + timedelta(hours=10)
    assert scheduling.start_due(lambda workspace: True) == []
    assert audited() == ["email.scheduled"]


def test_when_its_time_comes_it_starts_once(cast, draft) -> None:
    schedule(draft, cast, try_for=timedelta(hours=10))
    set_time(draft, timedelta(minutes=1))

    assert scheduling.start_due(lambda workspace: True) == [draft.id]
    assert scheduling.start_due(lambda workspace: True) == []
    db.session.refresh(draft)
    assert (draft.stage, draft.tracked, draft.started_by_id) == ("preparing", True, cast.alice.id)


def test_rescheduled_it_keeps_how_long_it_is_tried(cast, draft) -> None:
    schedule(draft, cast, try_for=timedelta(hours=10))
    schedule(draft, cast, hours=9)

    assert draft.deadline - draft.scheduled_at == timedelta(hours=10)
    assert audited() == ["email.scheduled", "email.rescheduled"]


def test_taken_off_the_schedule_it_is_a_draft(cast, draft) -> None:
    schedule(draft, cast)

    assert scheduling.unschedule(draft, cast.alice)
    assert not scheduling.unschedule(draft, cast.alice)
    assert (draft.stage, draft.scheduled_at, draft.deadline) == (Stage.DRAFT, None, None)


def test_missed_by_more_than_an_hour_it_asks_instead_of_starting(cast, draft) -> None:
    schedule(draft, cast)
    set_time(draft, timedelta(minutes=61))

    assert scheduling.start_due(lambda workspace: True) == []
    assert scheduling.is_missed(draft)
    assert scheduling.missed(cast.workspace) == [draft]


def test_missed_by_less_it_starts(cast, draft) -> None:
    schedule(draft, cast)
    set_time(draft, timedelta(minutes=59))

    assert not scheduling.is_missed(draft)
    assert scheduling.start_due(lambda workspace: True) == [draft.id]


def test_sent_late_by_a_person_it_is_tried_as_long_as_was_said(cast, draft) -> None:
    schedule(draft, cast, try_for=timedelta(hours=10))
    db.session.execute(
        update(BulkEmail).values(
            scheduled_at=clock.now() - timedelta(days=2),
            deadline=clock.now() - timedelta(days=2) + timedelta(hours=10),
        )
    )
    db.session.commit()
    db.session.expire_all()

    assert sending.start(draft, nonce="n", by=cast.alice, tracked=True)
    assert round((draft.deadline - draft.started_at) / timedelta(hours=1), 3) == 10


@pytest.mark.parametrize("broken", ["subject", "filter", "connection"])
def test_what_cannot_go_out_becomes_a_draft_that_says_why(cast, draft, broken) -> None:
    schedule(draft, cast)
    set_time(draft, timedelta(minutes=1))
    if broken == "subject":
        draft.subject = "{% if %}"
    elif broken == "filter":
        draft.filter = {"all": [{"field": "gone", "op": "is", "value": "x"}]}
    else:
        draft.connection.removed_at = clock.now()
    db.session.commit()

    assert scheduling.start_due(lambda workspace: True) == []
    db.session.refresh(draft)
    assert draft.stage == Stage.DRAFT
    assert "(Europe/Berlin) and could not: " in draft.pause_reason
    assert audited()[-1] == "email.not_started"


def test_one_that_cannot_go_out_keeps_no_other_back(cast, draft) -> None:
    other = makers.make_email(draft.form, draft.connection)
    for each in (draft, other):
        schedule(each, cast)
        set_time(each, timedelta(minutes=1))
    draft.subject = ""
    db.session.commit()

    assert scheduling.start_due(lambda workspace: False) == [other.id]
