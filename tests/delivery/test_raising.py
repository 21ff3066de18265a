"""Statuses rise, the books move with them, and the two never part."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from tests import makers
from webapp.delivery import raising
from webapp.delivery.models import Recipient, Tally
from webapp.delivery.raising import Change
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.mail.causes import Cause

pytestmark = pytest.mark.database


@pytest.fixture
def copies(cast) -> list[Recipient]:
    rows = [(f"P {number}", f"p{number}@x.test") for number in range(3)]
    form = makers.make_form(cast.workspace, rows)
    makers.start(makers.make_email(form, makers.make_connection(cast.workspace)))
    return list(db.session.scalars(select(Recipient).order_by(Recipient.id)))


def raise_to(copy: Recipient, *statuses: Status, **values) -> None:
    raising.raise_statuses(Change(copy.id, status, **values) for status in statuses)
    db.session.commit()
    db.session.expire_all()


def version() -> int:
    return db.session.scalar(select(Tally.version))


changes = st.lists(
    st.lists(st.tuples(st.integers(0, 2), st.sampled_from(list(Status))), max_size=5), max_size=5
)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(changes)
def test_whatever_is_said_books_and_copies_agree(copies, changes) -> None:
    for said in changes:
        highest = {place: copies[place].status.rank for place, _ in said}
        for place, status in said:
            highest[place] = max(highest[place], status.rank)
        raising.raise_statuses(Change(copies[place].id, status) for place, status in said)
        db.session.commit()
        db.session.expire_all()
        assert {place: copies[place].status.rank for place in highest} == highest

    tally = db.session.scalar(select(Tally))
    counted = [copy.status for copy in copies]
    assert {each: getattr(tally, each.value) for each in Status} == {
        each: counted.count(each) for each in Status
    }


def test_a_lower_word_changes_nothing_but_the_version(copies) -> None:
    raise_to(copies[0], Status.DELIVERED, reply="250 ok")
    before = version()
    raise_to(copies[0], Status.DEFERRED, reply="450 later", cause=Cause.TOO_FAST)

    assert (copies[0].status, copies[0].reply) == (Status.DELIVERED, "250 ok")
    assert version() == before + 1


def test_an_equal_word_refreshes_the_reason(copies) -> None:
    raise_to(copies[0], Status.DEFERRED, reply="450 later", cause=Cause.GREYLISTED)
    changed_at = copies[0].changed_at
    raise_to(copies[0], Status.DEFERRED, reply="450 much later", cause=Cause.TOO_FAST)

    assert (copies[0].reply, copies[0].cause) == ("450 much later", Cause.TOO_FAST)
    assert copies[0].changed_at == changed_at


def test_a_bounce_beside_a_delivery_is_a_conflict_in_either_order(copies) -> None:
    raise_to(copies[0], Status.DELIVERED)
    raise_to(copies[0], Status.BOUNCED)
    raise_to(copies[1], Status.BOUNCED)
    raise_to(copies[1], Status.DELIVERED)
    raise_to(copies[2], Status.BOUNCED_SOFT, Status.DELIVERED)

    assert [copy.is_conflicting for copy in copies] == [True, True, False]


def test_the_times_of_sending_and_delivery_are_kept_once(copies) -> None:
    raise_to(copies[0], Status.SENT)
    sent_at = copies[0].sent_at
    raise_to(copies[0], Status.DELIVERED)
    raise_to(copies[1], Status.DROPPED)

    assert copies[0].sent_at == sent_at
    assert copies[0].delivered_at is not None
    assert copies[1].sent_at is None  # the provider did not even try


def test_an_unknown_copy_is_no_error(copies) -> None:
    raising.raise_statuses([Change(10**9, Status.DELIVERED)])
