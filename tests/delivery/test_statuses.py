"""The order of statuses: total, and whatever the order in which things become known."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.delivery.statuses import (
    Group,
    Label,
    Status,
    Tried,
    group_of,
    label_of,
    label_text,
    status_of,
    status_of_kind,
)
from webapp.mail.reports import ReportKind

statuses = st.sampled_from(list(Status))
tries = st.builds(Tried, statuses, st.integers(0, 2), st.booleans())


def test_the_six_labels_are_exact() -> None:
    assert [label_text(label) for label in Label] == [
        "Not Sent (Zengine Failure)",
        "Not Sent (Deferred)",
        "Not Sent (Dropped)",
        "Sent",
        "Delivered",
        "Bounced",
    ]


def test_every_status_has_a_place_in_the_three() -> None:
    assert {status for status in Status if group_of(status) is Group.DELIVERED} == {
        Status.DELIVERED
    }
    assert {status for status in Status if group_of(status) is Group.SENT} == {Status.SENT}
    assert {status for status in Status if label_of(status) is None} == {
        Status.QUEUED,
        Status.UNCONFIRMED,
    }


@given(
    st.lists(statuses, min_size=1, max_size=5), st.none() | statuses, st.lists(tries, max_size=3)
)
def test_no_order_of_events_changes_the_end(events, decision, attempts) -> None:
    ends = {status_of(order, decision, attempts, 1) for order in itertools.permutations(events)}

    assert len(ends) == 1


@given(st.lists(statuses, max_size=5), st.lists(tries, max_size=4), statuses)
def test_knowing_more_never_lowers_a_status(events, attempts, another) -> None:
    before = status_of(events, None, attempts, 1)

    assert status_of([*events, another], None, attempts, 1).rank >= before.rank


@given(st.lists(statuses, max_size=4))
def test_hearing_it_twice_is_hearing_it_once(events) -> None:
    assert status_of(events * 2, None, [], 0) is status_of(events, None, [], 0)


@pytest.mark.parametrize(
    ("tried", "expected"),
    [
        (Tried(Status.SENT, 0, False), Status.SENT),  # an old fence's 250 is a 250
        (Tried(Status.BOUNCED, 0, False), Status.QUEUED),
        (Tried(Status.BOUNCED, 0, True), Status.QUEUED),  # of an earlier generation
        (Tried(Status.BOUNCED, 1, True), Status.BOUNCED),
    ],
)
def test_old_tries_count_only_where_they_were_accepted(tried: Tried, expected: Status) -> None:
    assert status_of([], None, [tried], generation=1) is expected


@pytest.mark.parametrize("kind", list(ReportKind))
def test_every_kind_of_report_is_decided(kind: ReportKind) -> None:
    status = status_of_kind(kind)

    assert status is None or status.rank >= Status.SENT.rank


def test_an_ses_style_soft_bounce_after_delivery_undoes_nothing() -> None:
    assert status_of([Status.DELIVERED, Status.BOUNCED_SOFT], None, [], 0) is Status.DELIVERED
