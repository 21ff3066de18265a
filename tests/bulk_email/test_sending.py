"""The commands of an email: each happens once, is audited, and holds at once."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from tests import makers
from tests.smtp_server import SmtpServer
from webapp.accounts.models import AuditEntry
from webapp.bulk_email import draining, preparing, sending
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.delivery import raising
from webapp.delivery.models import Recipient
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.lib import clock
from webapp.mail.causes import Cause
from webapp.mail.merging import MergeError

pytestmark = pytest.mark.database
PEOPLE = [("Ann", "ann@x.test"), ("Bo", "bo@x.test"), ("Blank", "")]


@pytest.fixture
def email(cast) -> BulkEmail:
    form = makers.make_form(cast.workspace, PEOPLE)
    return makers.make_email(form, makers.make_connection(cast.workspace))


def audited() -> list[tuple[str, dict]]:
    entries = db.session.query(AuditEntry).order_by(AuditEntry.id)
    return [(entry.action, entry.details) for entry in entries]


def copies() -> dict[str, Recipient]:
    return {copy.address: copy for copy in db.session.scalars(select(Recipient))}


def doubt(email: BulkEmail) -> list[int]:
    """Make all copies that wait unconfirmed; their ids."""
    ids = [copy.id for copy in copies().values() if copy.status is Status.QUEUED]
    raising.raise_statuses(
        raising.Change(each, Status.UNCONFIRMED, Cause.UNKNOWN, is_decision=True) for each in ids
    )
    db.session.commit()
    return ids


def test_starting_freezes_counts_and_is_audited(cast, email) -> None:
    assert sending.start(email, nonce="n", by=cast.alice, tracked=True)

    assert (email.stage, email.expected, email.started_by_id) == ("preparing", 3, cast.alice.id)
    assert email.deadline - email.started_at == timedelta(hours=72)
    assert audited() == [("email.sent", {"selected": 3})]


def test_a_nonce_of_another_email_starts_nothing(cast, email) -> None:
    other = makers.make_email(email.form, email.connection)

    assert sending.start(email, nonce="same", by=cast.alice, tracked=True)
    assert not sending.start(other, nonce="same", by=cast.alice, tracked=True)
    assert db.session.get(BulkEmail, other.id).stage == Stage.DRAFT


def test_what_cannot_be_compiled_does_not_start(cast, email) -> None:
    email.body = "{% if %}"

    with pytest.raises(MergeError):
        sending.start(email, nonce="n", by=cast.alice, tracked=True)


def test_a_paused_email_sends_nothing_until_it_is_resumed(cast, email) -> None:
    with SmtpServer() as server:
        email.connection.port = server.port
        makers.start(email)
        assert sending.pause(email, cast.alice)
        assert not sending.pause(email, cast.alice)
        draining.drain(makers.make_setting(), 5)
        assert server.ledger.mails == []

        assert sending.resume(email, cast.alice)
        draining.drain(makers.make_setting(), 5)
        assert sorted(server.ledger.addresses) == ["ann@x.test", "bo@x.test"]
    assert [action for action, _ in audited()][1:] == ["email.paused", "email.resumed"]


@pytest.mark.parametrize(
    ("command", "stage"), [(sending.pause, Stage.PAUSED), (sending.cancel, Stage.CANCELLED)]
)
def test_said_while_preparing_it_holds_before_anything_leaves(cast, email, command, stage):
    sending.start(email, nonce="n", by=cast.alice, tracked=True)

    assert command(email, cast.alice)
    while preparing.prepare_some(email.id):
        pass

    db.session.refresh(email)
    assert email.stage == stage


def test_a_pause_while_preparing_can_be_taken_back(cast, email) -> None:
    sending.start(email, nonce="n", by=cast.alice, tracked=True)
    sending.pause(email, cast.alice)

    assert sending.resume(email, cast.alice)
    while preparing.prepare_some(email.id):
        pass
    db.session.refresh(email)
    assert email.stage == Stage.SENDING


def test_cancelling_withholds_the_rest_with_its_cause(cast, email) -> None:
    makers.start(email)
    before = makers.books(email).selected
    assert sending.cancel(email, cast.alice)
    assert not sending.cancel(email, cast.alice)
    while sending.withhold_some(email.id):
        pass

    assert copies()["ann@x.test"].status is Status.WITHHELD
    assert copies()["ann@x.test"].cause == Cause.CANCELLED
    assert copies()[""].cause == Cause.INVALID_ADDRESS
    assert makers.books(email).selected == before == 3


@pytest.mark.parametrize("command", [sending.pause, sending.resume, sending.cancel])
def test_a_finished_email_cannot_be_steered(cast, email, command) -> None:
    db.session.execute(update(BulkEmail).values(stage=Stage.FINISHED))
    db.session.commit()

    assert not command(email, cast.alice)
    assert audited() == []


def test_the_deadline_can_be_changed_while_it_runs(cast, email) -> None:
    makers.start(email)
    at = clock.now() + timedelta(hours=1)

    assert sending.change_deadline(email, at, cast.alice)

    assert email.deadline == at
    action, details = audited()[-1]
    assert action == "email.deadline_changed"
    assert details["to"] == at.isoformat(timespec="seconds")


def test_the_next_turn_knows_the_new_deadline(cast, email) -> None:
    """A refusal for now is tried again, because there is time again."""
    with SmtpServer(lambda at, to: b"451 4.2.0 later" if at == "rcpt" else None) as server:
        email.connection.port = server.port
        email.deadline = clock.now() + timedelta(seconds=20)
        makers.start(email)
        turns = iter([True, True, False])

        def change_between() -> bool:
            sending.change_deadline(email, clock.now() + timedelta(hours=9), cast.alice)
            return next(turns)

        draining.drain(makers.make_setting(may_send=change_between), 5)

    assert copies()["ann@x.test"].status is Status.RETRYING


def test_a_draft_has_no_deadline_to_change(cast, email) -> None:
    assert not sending.change_deadline(email, clock.now() + timedelta(hours=1), cast.alice)


def test_sent_again_a_doubtful_copy_is_queued_in_a_new_generation(cast, email) -> None:
    makers.start(email)
    ids = doubt(email)

    assert sending.send_again(email, ids, cast.alice) == 2

    assert {copies()[a].status for a in ("ann@x.test", "bo@x.test")} == {Status.QUEUED}
    assert copies()["ann@x.test"].generation == 1
    assert audited()[-1] == ("email.sent_again", {"copies": 2})


def test_a_cancelled_email_sends_nothing_again(cast, email) -> None:
    makers.start(email)
    ids = doubt(email)
    sending.cancel(email, cast.alice)

    assert sending.send_again(email, ids, cast.alice) == 0


def test_a_copy_that_was_sent_is_not_sent_again(cast, email) -> None:
    makers.start(email)
    ids = doubt(email)
    assert sending.mark_as_sent(email, ids, cast.alice) == 2

    assert sending.send_again(email, ids, cast.alice) == 0
    assert sending.mark_as_sent(email, ids, cast.alice) == 0
    assert copies()["ann@x.test"].status is Status.SENT
    assert [action for action, _ in audited()].count("email.marked_as_sent") == 1


def test_the_copies_of_another_email_are_not_touched(cast, email) -> None:
    makers.start(email)
    ids = doubt(email)
    other = makers.make_email(email.form, email.connection)

    assert sending.send_again(other, ids, cast.alice) == 0
    assert sending.mark_as_sent(other, ids, cast.alice) == 0
