"""A copy in words: the six exact labels, the three, and a reason wherever one is needed."""

import pytest

from webapp.delivery.models import Recipient
from webapp.delivery.statuses import Group, Status
from webapp.email_tracker import wording
from webapp.lib import clock
from webapp.mail.causes import WORDS, Cause

TITLES = {
    Status.QUEUED: "Waiting",
    Status.RETRYING: "Not Sent (Deferred)",
    Status.WITHHELD: "Not Sent (Dropped)",
    Status.FAILED: "Not Sent (Zengine Failure)",
    Status.UNCONFIRMED: "Cannot tell yet",
    Status.SENT: "Sent",
    Status.DEFERRED: "Not Sent (Deferred)",
    Status.DROPPED: "Not Sent (Dropped)",
    Status.BOUNCED_SOFT: "Bounced",
    Status.DELIVERED: "Delivered",
    Status.BOUNCED: "Bounced",
}


def copy(status: Status, **values) -> Recipient:
    known = {"cause": None, "reply": "", "attempt_count": 1, "is_conflicting": False}
    return Recipient(status=status, **known | values)


@pytest.mark.parametrize("status", list(Status))
def test_every_status_has_its_exact_title(status: Status) -> None:
    assert wording.say(copy(status), "Zengine").title == TITLES[status]


def test_the_product_has_the_name_that_it_was_given() -> None:
    assert wording.say(copy(Status.FAILED), "Harbour").title == "Not Sent (Harbour Failure)"


def test_a_copy_on_the_wire_is_being_sent() -> None:
    said = wording.say(copy(Status.QUEUED, in_flight_at=clock.now()), "Zengine")

    assert (said.title, said.why, said.group) == ("Being sent", "being sent", Group.NOT_SENT)


@pytest.mark.parametrize("cause", list(Cause))
@pytest.mark.parametrize("status", [Status.BOUNCED, Status.DROPPED, Status.WITHHELD])
def test_every_cause_is_said_in_plain_words(status: Status, cause: Cause) -> None:
    said = wording.say(copy(status, cause=cause), "Zengine")

    assert said.why == WORDS[cause].sentence
    assert said.words.remedy


def test_who_got_it_needs_no_reason_unless_reports_disagree() -> None:
    assert wording.why(copy(Status.DELIVERED, cause=Cause.MAILBOX_FULL)) == ""
    assert "contradict" in wording.why(copy(Status.DELIVERED, is_conflicting=True))


def test_a_refusal_for_now_says_which_attempt_it_was() -> None:
    assert "attempt 3" in wording.why(copy(Status.RETRYING, attempt_count=3))
