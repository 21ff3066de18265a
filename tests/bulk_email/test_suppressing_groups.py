"""People whose copies failed alike are put on the list together, and lifted together."""

import pytest

from tests import makers
from tests.bulk_email.sent_again import copies
from webapp.accounts.models import AuditEntry
from webapp.bulk_email import suppressing_groups
from webapp.bulk_email.models_groups import SuppressedGroup
from webapp.delivery import raising, suppressing
from webapp.delivery.models import Suppression
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.forms import claiming
from webapp.forms.models import TransferStage
from webapp.mail.causes import Cause

pytestmark = pytest.mark.database
FULL = Cause.MAILBOX_FULL
BEFORE = "left@x.test"  # is on the list before


@pytest.fixture
def full(parent, monkeypatch):
    """Of the email four people's mailboxes were full, at once or in the end; one is on the list."""
    monkeypatch.setattr(suppressing_groups, "CHUNK", 2)
    for name, status in [("gaveup", Status.BOUNCED_SOFT), ("left", Status.BOUNCED),
                         ("server", Status.DROPPED), ("trying", Status.DEFERRED)]:  # fmt: skip
        raising.set_statuses({copies(parent)[name].id: (status, FULL, "")})
    db.session.commit()
    return parent


def begin(email, cast) -> SuppressedGroup:
    return suppressing_groups.begin(email, FULL, cast.alice, reason="Enough", expires_at=None)


def test_those_who_failed_get_no_more_mail_and_who_was_there_keeps_the_reason(cast, full) -> None:
    assert suppressing_groups.size(full, FULL) == 4
    assert suppressing_groups.listed(full, FULL) == 1

    group = begin(full, cast)
    suppressing_groups.run(group.id)

    listed = ["full@x.test", "gaveup@x.test", BEFORE, "server@x.test"]
    assert sorted(makers.suppressed_addresses(cast.workspace)) == listed
    by_cause = {row.address: row.cause for row in db.session.query(Suppression)}
    assert (by_cause[BEFORE], by_cause["full@x.test"]) == (Cause.UNSUBSCRIBED, Cause.SUPPRESSED)
    assert (group.is_over, group.rows_done, group.added) == (True, 4, 3)


def test_lifting_the_group_lifts_what_it_put_there(cast, full) -> None:
    group = begin(full, cast)
    suppressing_groups.run(group.id)
    one = suppressing.suppressed(cast.workspace.id, ["full@x.test"])["full@x.test"]
    suppressing.lift(one, cast.alice.id, "by itself")

    suppressing_groups.lift(group, cast.alice, "They made room")
    assert group.rows_total == 2
    suppressing_groups.run(group.id)

    assert makers.suppressed_addresses(cast.workspace) == [BEFORE]
    assert (group.is_over, suppressing_groups.active(group)) == (True, 0)
    reasons = {row.address: row.lifted_reason for row in db.session.query(Suppression)}
    assert (reasons["full@x.test"], reasons["gaveup@x.test"]) == ("by itself", "They made room")


def test_a_worker_that_died_is_followed_by_one_that_goes_on(cast, full) -> None:
    group = begin(full, cast)
    group.done_status, group.done_to = Status.BOUNCED_SOFT, copies(full)["full"].id
    db.session.commit()
    assert suppressing_groups.waiting() == [group.id]

    suppressing_groups.run(group.id)

    assert (group.added, suppressing_groups.waiting()) == (0, [])
    assert makers.suppressed_addresses(cast.workspace) == [BEFORE]


def test_it_makes_room_for_others_and_goes_on_after(cast, full) -> None:
    group = begin(full, cast)

    assert suppressing_groups.run(group.id, seconds=0)
    assert group.rows_done == 2
    while suppressing_groups.run(group.id, seconds=0):
        assert not group.is_over

    assert (group.is_over, group.rows_done) == (True, 4)


def test_both_are_in_the_audit_log_with_how_many(cast, full) -> None:
    group = begin(full, cast)
    suppressing_groups.run(group.id)
    suppressing_groups.lift(group, cast.alice, "They made room")

    said = db.session.query(AuditEntry).filter(AuditEntry.action.like("addresses.%")).all()
    assert [each.details.get("copies") or each.details["addresses"] for each in said] == [4, 3]


def test_what_never_gets_further_is_given_up_and_can_still_be_lifted(cast, full) -> None:
    group = begin(full, cast)
    suppressing_groups.give_up_hopeless()
    assert not group.is_given_up

    suppressing_groups.run(group.id)
    group.stage, group.tries, group.lease_until = TransferStage.RUNNING, claiming.MAX_TRIES, None
    db.session.commit()
    suppressing_groups.give_up_hopeless()
    assert group.is_given_up

    suppressing_groups.lift(group, cast.alice, "They made room")
    suppressing_groups.run(group.id)
    assert makers.suppressed_addresses(cast.workspace) == [BEFORE]
