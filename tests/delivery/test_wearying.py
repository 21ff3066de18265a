"""Five copies that bounced softly within seven days pause an address; visible and reversible."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from tests import makers
from tests.delivery.test_recording import record, say
from webapp.bulk_email import sweeping
from webapp.bulk_email.models import BulkEmail
from webapp.delivery import recording, suppressing, wearying
from webapp.delivery.models import Recipient, Suppression
from webapp.delivery.models_wearying import SoftBounce
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.lib import clock
from webapp.mail.causes import Cause
from webapp.mail.reports import ReportKind

pytestmark = pytest.mark.database
FULL = {"cause": Cause.MAILBOX_FULL, "reply": "452 Full"}


@pytest.fixture
def copies(cast) -> list[Recipient]:
    """Six emails to Ann."""
    form = makers.make_form(cast.workspace, [("Ann", "ann@x.test")])
    connection = makers.make_connection(cast.workspace)
    for _ in range(6):
        makers.start(makers.make_email(form, connection))
    return list(db.session.scalars(select(Recipient).order_by(Recipient.id)))


def bounce(*copies: Recipient) -> None:
    for copy in copies:
        record(say(copy, ReportKind.BOUNCED_SOFT, **FULL))


def paused() -> Suppression | None:
    db.session.expire_all()
    return db.session.scalar(select(Suppression).where(Suppression.lifted_at.is_(None)))


def test_the_fifth_pauses_and_says_why_and_until_when(copies) -> None:
    bounce(*copies[:4])
    assert paused() is None
    bounce(copies[4])

    found = paused()
    assert (found.address, found.cause) == ("ann@x.test", "mailbox_full")
    assert found.reason.startswith("5 emails did not get through within seven days.")
    assert found.event_id is not None
    left = found.expires_at - clock.now()
    assert timedelta(days=13) < left <= wearying.PAUSED_FOR


def test_many_bounces_of_one_copy_are_one(copies) -> None:
    for number in range(6):
        record(say(copies[0], ReportKind.BOUNCED_SOFT, details={"attempt": str(number)}))

    assert paused() is None


def test_what_got_through_in_the_end_or_is_long_ago_is_not_counted(copies) -> None:
    bounce(*copies[:4])
    record(say(copies[0], ReportKind.DELIVERED))
    db.session.execute(
        update(Recipient)
        .where(Recipient.id == copies[1].id)
        .values(changed_at=clock.now() - timedelta(days=8))
    )
    bounce(copies[4], copies[5])

    assert paused() is None


def test_lifted_it_counts_from_the_beginning(copies, cast) -> None:
    bounce(*copies[:5])
    suppressing.lift(paused(), cast.alice.id, "It is emptied")
    db.session.commit()
    bounce(copies[5])

    assert paused() is None


def test_after_its_time_the_clock_lifts_it(copies) -> None:
    bounce(*copies[:5])
    assert suppressing.lift_expired() == 0
    db.session.execute(update(Suppression).values(expires_at=clock.now()))

    assert suppressing.lift_expired() == 1
    assert paused() is None
    assert db.session.scalar(select(Suppression.lifted_reason)) == suppressing.EXPIRED


def test_what_is_for_good_takes_the_place_of_a_pause(copies) -> None:
    bounce(*copies[:5])
    record(say(copies[5], ReportKind.BOUNCED, cause=Cause.MAILBOX_MISSING))

    found = paused()
    assert (found.cause, found.expires_at) == ("mailbox_missing", None)


def test_a_pause_takes_the_place_of_nothing(copies, cast) -> None:
    suppressing.suppress(cast.workspace.id, [suppressing.Entry("ann@x.test", Cause.UNSUBSCRIBED)])
    bounce(*copies)

    assert (paused().cause, paused().expires_at) == ("unsubscribed", None)


def test_what_our_own_relay_refused_until_the_deadline_counts_too(copies) -> None:
    db.session.execute(update(Recipient).values(status=Status.RETRYING, cause=Cause.MAILBOX_FULL))
    db.session.execute(update(BulkEmail).values(deadline=clock.now() - timedelta(hours=1)))
    db.session.commit()
    sweeping.expire()

    assert paused().reason.startswith("6 emails did not get through")


def hear_untracked(*said) -> None:
    recording.record(said, makers.TOKEN_KEY, only_suppress=True)
    db.session.commit()


def test_while_the_tracker_is_off_five_pause_too_and_no_status_moves(copies) -> None:
    for copy in copies[:5]:
        hear_untracked(say(copy, ReportKind.BOUNCED_SOFT, **FULL), say(copy, ReportKind.PROCESSED))
        assert (paused() is not None) == (copy is copies[4])

    assert paused().reason.endswith("The last one: The mailbox is full.")
    assert {copy.status for copy in copies} == {Status.QUEUED}


def test_while_off_what_got_through_or_has_no_reason_is_not_counted(copies) -> None:
    for copy in copies[:4]:
        hear_untracked(say(copy, ReportKind.BOUNCED_SOFT, **FULL))
    hear_untracked(say(copies[0], ReportKind.DELIVERED))
    hear_untracked(say(copies[4], ReportKind.BOUNCED_SOFT))
    hear_untracked(say(copies[5], ReportKind.BOUNCED_SOFT, **FULL))

    assert paused() is None


def test_what_was_heard_on_and_off_is_counted_together_and_once(copies) -> None:
    bounce(*copies[:2])
    for copy in copies[1:4]:
        hear_untracked(say(copy, ReportKind.BOUNCED_SOFT, **FULL))
    assert paused() is None
    bounce(copies[4])

    assert paused().reason.startswith("5 emails")


def test_old_marks_go(copies) -> None:
    hear_untracked(say(copies[0], ReportKind.BOUNCED_SOFT, **FULL))
    wearying.forget_old()
    assert db.session.scalar(select(func.count()).select_from(SoftBounce)) == 1
    db.session.execute(update(SoftBounce).values(at=clock.now() - timedelta(days=8)))
    wearying.forget_old()

    assert db.session.scalar(select(func.count()).select_from(SoftBounce)) == 0
