"""What the clock mends."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from tests import makers
from webapp.accounts.models import UnconfirmedPolicy
from webapp.bulk_email import sending, sweeping
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.delivery import raising
from webapp.delivery.models import Recipient
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.lib import clock
from webapp.mail.causes import Cause

pytestmark = pytest.mark.database


@pytest.fixture
def email(cast) -> BulkEmail:
    """Prepared, one copy waiting."""
    form = makers.make_form(cast.workspace, [("Ann", "ann@x.test")])
    made = makers.make_email(form, makers.make_connection(cast.workspace))
    makers.start(made)
    return made


def doubt(ago: timedelta) -> Recipient:
    copy = db.session.scalars(select(Recipient)).one()
    raising.raise_statuses(
        [raising.Change(copy.id, Status.UNCONFIRMED, Cause.UNKNOWN, is_decision=True)]
    )
    db.session.execute(update(Recipient).values(changed_at=clock.now() - ago))
    db.session.commit()
    db.session.expire_all()
    return copy


def set_policy(email: BulkEmail, policy: UnconfirmedPolicy) -> None:
    email.workspace.unconfirmed_policy = policy
    db.session.commit()


def test_held_copies_in_doubt_wait_for_a_person(email) -> None:
    copy = doubt(timedelta(hours=9))

    assert sweeping.send_unconfirmed_again() == 0
    assert copy.status is Status.UNCONFIRMED


def test_by_the_other_policy_they_go_once_more_after_a_quarter_of_an_hour(email) -> None:
    set_policy(email, UnconfirmedPolicy.SEND_AGAIN)
    copy = doubt(timedelta(minutes=14))
    assert sweeping.send_unconfirmed_again() == 0

    doubt(timedelta(minutes=16))
    assert sweeping.send_unconfirmed_again() == 1
    db.session.expire_all()
    assert (copy.status, copy.generation) == (Status.QUEUED, 1)


@pytest.mark.parametrize("stage", [Stage.CANCELLED, Stage.PAUSED])
def test_what_was_stopped_sends_nothing_again(email, stage) -> None:
    set_policy(email, UnconfirmedPolicy.SEND_AGAIN)
    doubt(timedelta(hours=1))
    db.session.execute(update(BulkEmail).values(stage=stage))
    db.session.commit()

    assert sweeping.send_unconfirmed_again() == 0


def expire(email: BulkEmail, **copy) -> Recipient:
    email.deadline = clock.now() - timedelta(seconds=1)
    db.session.commit()
    if copy:
        raising.raise_statuses(
            [raising.Change(db.session.scalar(select(Recipient.id)), Status.RETRYING, **copy)]
        )
        db.session.commit()
    assert sweeping.expire() == 1
    db.session.expire_all()
    return db.session.scalars(select(Recipient)).one()


def test_never_tried_by_the_deadline_it_failed(email) -> None:
    copy = expire(email)

    assert (copy.status, copy.cause) == (Status.FAILED, Cause.GAVE_UP)


def test_tried_until_the_deadline_it_bounced_with_the_last_cause(email) -> None:
    copy = expire(email, cause=Cause.MAILBOX_FULL, reply="452 full")

    assert (copy.status, copy.cause, copy.reply) == (
        Status.BOUNCED_SOFT, Cause.MAILBOX_FULL, "452 full",
    )  # fmt: skip


def test_tried_in_vain_for_our_own_fault_it_failed(email) -> None:
    assert expire(email, cause=Cause.OUR_SERVER).status is Status.FAILED


def test_what_is_on_the_wire_is_not_expired(email) -> None:
    email.deadline = clock.now() - timedelta(seconds=1)
    db.session.execute(update(Recipient).values(in_flight_at=clock.now()))
    db.session.commit()

    assert sweeping.expire() == 0


def test_emails_that_want_a_worker_are_found(cast, email) -> None:
    other = makers.make_email(email.form, email.connection)
    sending.start(other, nonce="o", by=cast.alice, tracked=True)
    gone = makers.make_email(email.form, email.connection)
    makers.start(gone)
    sending.cancel(gone, cast.alice)

    assert sweeping.waiting_emails() == {
        Stage.PREPARING: [other.id], Stage.SENDING: [email.id], Stage.CANCELLED: [gone.id],
    }  # fmt: skip
