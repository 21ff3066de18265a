"""Sending again: who is eligible, why each other is not, and nobody twice."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests import makers
from tests.bulk_email.sent_again import ALL, copies, prepare, send
from webapp.bulk_email import composing, previewing, resending, scheduling
from webapp.bulk_email.eligibility import Refusal
from webapp.bulk_email.models import BulkEmail
from webapp.bulk_email.resending import Wish
from webapp.delivery import opting_out, raising, suppressing
from webapp.delivery.models_topics import Topic
from webapp.delivery.selecting import Selection
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.forms import writing
from webapp.forms.models import Record, RecordAddress
from webapp.lib import clock
from webapp.mail.causes import Cause

pytestmark = pytest.mark.database


def names(preview: previewing.Preview) -> dict[str, list[str]]:
    return {reason: [each.name for each in people] for reason, people in preview.people.items()}


def record(name: str) -> Record:
    return next(row for row in db.session.query(Record) if row.values["name"] == name)


def test_who_would_get_it_and_why_each_other_would_not(parent) -> None:
    found = previewing.preview(parent, ALL)

    assert found.number == 2
    assert names(found) == {
        "": ["gaveup", "server"],
        Refusal.SAME_ADDRESS: ["missing"],
        Refusal.TOO_EARLY: ["full"],
        Refusal.UNSUBSCRIBED: ["left"],
        Refusal.SAME_TEXT: ["spam"],
        Refusal.NO_ADDRESS: ["blank"],
        Refusal.TWIN: ["twin"],
    }
    assert found.standing == {"delivered": 1, "sent": 1, "still_trying": 1, "unconfirmed": 1}
    assert sum(found.refused.values()) + sum(found.standing.values()) + found.number == 12


def test_the_child_is_its_own_email_and_the_parent_s_numbers_stay(cast, parent) -> None:
    before = makers.books(parent)

    child = send(parent, cast)

    assert list(copies(child)) == ["gaveup", "server"]
    assert {copy.resend_of_id for copy in copies(child).values()} == {
        copies(parent)["gaveup"].id,
        copies(parent)["server"].id,
    }
    assert (child.parent_id, child.stage, child.expected) == (parent.id, "sending", 2)
    assert makers.books(child).waiting == 2
    assert makers.books(parent) == before


def test_nobody_is_sent_it_again_twice(cast, parent) -> None:
    child = send(parent, cast)

    found = previewing.preview(parent, ALL)
    assert (found.number, found.refused[Refusal.SENT_AGAIN]) == (0, 2)
    assert copies(send(parent, cast, nonce="other")) == {}

    lost = copies(child)["gaveup"].id
    raising.raise_statuses([raising.Change(lost, Status.BOUNCED_SOFT, Cause.GAVE_UP)])
    db.session.commit()
    assert names(previewing.preview(parent, ALL))[""] == ["gaveup"]
    assert list(copies(send(child, cast, nonce="third"))) == ["gaveup"]
    assert previewing.preview(parent, ALL).number == 0


def test_of_one_nonce_there_is_one_child(cast, parent) -> None:
    assert send(parent, cast).id == send(parent, cast).id
    assert db.session.query(BulkEmail).count() == 2


def test_a_selection_narrows_it(cast, parent) -> None:
    ids = (copies(parent)["server"].id, copies(parent)["has"].id)
    wishes = {
        "server": Selection(ids=ids),
        "gaveup": Selection(show="ended", cause="gave_up"),
    }
    for name, selection in wishes.items():
        assert names(previewing.preview(parent, Wish(selection)))[""] == [name]
    assert previewing.preview(parent, Wish(wishes["server"])).standing == {"delivered": 1}
    assert list(copies(send(parent, cast, Wish(wishes["gaveup"])))) == ["gaveup"]


@pytest.mark.parametrize("write_back", [True, False])
def test_a_corrected_address_is_written_to_and_stored_where_wished(
    cast, parent, write_back
) -> None:
    record_id = record("missing").id
    wish = Wish(Selection(cause="mailbox_missing"), {record_id: "new@x.test"}, write_back)

    assert previewing.preview(parent, wish).number == 1
    child = send(parent, cast, wish)

    assert copies(child)["missing"].address == "new@x.test"
    stored = db.session.query(RecordAddress).filter_by(record_id=record_id).one()
    assert stored.address == ("new@x.test" if write_back else "missing@x.test")
    assert copies(parent)["missing"].address == "missing@x.test"


def test_a_corrected_address_is_judged_like_any_other(parent) -> None:
    def reasons(address: str) -> list[str]:
        wish = Wish(Selection(cause="mailbox_missing"), {record("missing").id: address})
        return list(previewing.preview(parent, wish).refused)

    assert reasons("left@x.test") == [Refusal.UNSUBSCRIBED]
    assert reasons("has@x.test") == [Refusal.TWIN]
    assert resending.refuse_addresses(Wish(Selection(), {1: "nonsense", 2: "a@x.test"})).keys() == {
        1
    }


def test_time_and_lifted_suppressions_make_eligible(cast, parent) -> None:
    tomorrow = replace(ALL, at=clock.now() + timedelta(hours=25))
    assert "full" in names(previewing.preview(parent, tomorrow))[""]

    suppressing.suppress(
        cast.workspace.id, [suppressing.Entry("missing@x.test", Cause.MAILBOX_MISSING)]
    )
    active = suppressing.suppressed(cast.workspace.id, ["missing@x.test"])["missing@x.test"]
    assert previewing.preview(parent, ALL).refused[Refusal.SUPPRESSED] == 1
    suppressing.lift(active, cast.alice.id, "works again")
    db.session.commit()
    assert "missing" in names(previewing.preview(parent, ALL))[""]


def test_who_turned_down_this_kind_of_mail_is_not_sent_it_again(cast, parent) -> None:
    parent.topic = Topic(workspace_id=cast.workspace.id, name="News")
    db.session.flush()
    opting_out.opt_out(parent.topic_id, "gaveup@x.test", None)
    db.session.commit()

    found = previewing.preview(parent, ALL)

    assert names(found)[Refusal.TURNED_DOWN] == ["gaveup"]
    assert (found.number, list(copies(send(parent, cast)))) == (1, ["server"])


def test_who_takes_that_back_after_a_copy_was_withheld_for_it_can_get_it(cast, parent) -> None:
    parent.topic = Topic(workspace_id=cast.workspace.id, name="News")
    db.session.flush()
    opting_out.opt_out(parent.topic_id, "gaveup@x.test", None)
    withheld = (Status.WITHHELD, Cause.UNSUBSCRIBED, "")
    raising.set_statuses({copies(parent)["gaveup"].id: withheld})
    db.session.commit()
    assert names(previewing.preview(parent, ALL))[Refusal.TURNED_DOWN] == ["gaveup"]

    opting_out.opt_in(parent.topic_id, "gaveup@x.test")
    db.session.commit()

    assert "gaveup" in names(previewing.preview(parent, ALL))[""]
    assert "gaveup" in copies(send(parent, cast))


def test_another_text_makes_those_eligible_whose_server_refused_it(cast, parent) -> None:
    draft = resending.draft_again(parent, ALL, nonce="n", by=cast.alice, number=2)
    assert draft.stage == "draft"
    draft.body = "Plain words."
    db.session.commit()

    makers.start(draft)

    assert list(copies(draft)) == ["gaveup", "spam", "server"]


def test_who_is_gone_or_got_it_meanwhile_is_left_out_of_a_scheduled_one(cast, parent) -> None:
    wish = replace(ALL, at=clock.now() + timedelta(hours=2))
    made = {"nonce": "n", "by": cast.alice, "tracked": True, "number": 2}
    child = resending.send_again(parent, wish, **made)
    assert child.stage == "scheduled"
    raising.raise_statuses([raising.Change(copies(parent)["server"].id, Status.DELIVERED)])
    writing.delete_records(parent.form, [record("gaveup").id])
    child.scheduled_at = clock.now() - timedelta(seconds=5)
    db.session.commit()

    assert scheduling.start_due(lambda workspace: True) == [child.id]
    prepare(child)

    assert copies(child) == {}
    assert previewing.preview(parent, ALL).refused[Refusal.GONE] == 1


def test_a_copy_of_a_resend_is_one_too_and_never_goes_to_everybody(cast, parent) -> None:
    child = send(parent, cast)

    again = composing.duplicate(child, cast.alice)

    assert (again.parent_id, again.resend) == (parent.id, child.resend)
    makers.start(again)
    assert copies(again) == {}
