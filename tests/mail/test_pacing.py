"""A destination that complains is written to more slowly, and only for as long as it must."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from webapp.mail import pacing
from webapp.mail.causes import Cause
from webapp.mail.pacing import Pace
from webapp.mail.replies import Reply

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_the_first_complaint_halves_the_rate_we_wrote_at() -> None:
    pace = pacing.after_complaint(Pace(), NOW, "421 slow down", measured=40)

    assert pace.rate == 20
    assert not pace.is_paused(NOW)


def test_complaints_of_the_same_moment_count_as_one_slowing() -> None:
    pace = pacing.after_complaint(Pace(), NOW, "421", measured=40)

    assert pacing.after_complaint(pace, later(1), "421", measured=40).rate == 20


def test_complaints_without_an_acceptance_open_the_breaker_longer_each_time() -> None:
    pace = Pace()
    for second in range(3):
        pace = pacing.after_complaint(pace, later(second), "421", measured=40)
    first = pace.paused_until - later(2)
    again = replace(pace, paused_until=None)
    for second in range(3):
        again = pacing.after_complaint(again, later(600 + second), "421", measured=1)

    assert timedelta(seconds=50) < first < timedelta(seconds=75)
    assert again.paused_until - later(602) > first * 1.4


@pytest.mark.parametrize(
    ("reply", "seconds"),
    [
        ("421 4.7.0 Try again in 10 minutes", 600),
        ("450 please retry after 90 seconds", 90),
        ("451 come back in 2 hours", 7200),
        ("421 wait at least 300 sec.", 300),
        ("421 try again in 99999 hours", 12 * 3600),
        ("421 try again later", None),
        ("421 in 0 seconds", None),
    ],
)
def test_a_time_that_is_named_is_read(reply: str, seconds: int | None) -> None:
    expected = None if seconds is None else timedelta(seconds=seconds)

    assert pacing.wait_asked(reply) == expected


def test_a_time_that_is_named_is_obeyed_at_once() -> None:
    pace = pacing.after_complaint(Pace(), NOW, "421 try again in 10 minutes", measured=40)

    assert pace.paused_until == later(600)


def test_a_quiet_while_frees_it_again() -> None:
    pace = pacing.after_complaint(Pace(), NOW, "421", measured=40)
    rates = []
    for minute in range(1, 12):
        pace = pacing.after_acceptance(pace, later(60 * minute))
        rates.append(pace.rate)

    assert rates[:2] == [40, 80]
    assert rates[-1] is None
    assert pace == Pace()


def test_an_acceptance_at_once_does_not_raise_the_rate() -> None:
    pace = pacing.after_complaint(Pace(), NOW, "421", measured=40)

    assert pacing.after_acceptance(pace, later(5)).rate == 20


@pytest.mark.parametrize(
    ("reply", "cause", "expected"),
    [
        (Reply(421, "closing"), None, True),
        (Reply(451, "4.7.1 try later"), None, True),
        (Reply(450, "too many mails"), Cause.TOO_FAST, True),
        (Reply(452, "4.2.2 mailbox full"), Cause.MAILBOX_FULL, False),
        (Reply(550, "5.7.1 no"), Cause.BLOCKED_REPUTATION, False),
    ],
)
def test_what_counts_as_a_complaint(reply: Reply, cause: Cause | None, expected: bool) -> None:
    assert pacing.is_complaint(reply, cause) is expected


def test_a_complaint_among_acceptances_takes_less_than_several_in_a_row() -> None:
    first = pacing.after_complaint(Pace(), NOW, "421 busy", 100)
    alone = pacing.after_complaint(pacing.after_acceptance(first, later(6)), later(6), "421", 1)
    again = pacing.after_complaint(first, later(6), "421", 1)

    assert (first.rate, alone.rate, again.rate) == (50, 40, 25)


def test_after_a_rest_the_first_acceptance_brings_the_halved_rate_back() -> None:
    pace = pacing.after_complaint(Pace(), NOW, "421 try again in 10 minutes", measured=40)
    paced = [pacing.allowed(pace, later(seconds)) for seconds in (1, 601)]
    back = pacing.after_acceptance(pace, later(602))

    assert paced == [0, pacing.TRIAL_RATE]
    assert pacing.allowed(back, later(602)) == 20


def test_a_complaint_on_trial_begins_the_next_rest_at_once() -> None:
    pace = pacing.after_complaint(Pace(), NOW, "421 try again in 10 minutes", measured=40)
    again = pacing.after_complaint(pace, later(601), "421 too fast", measured=1)

    assert again.is_paused(later(601 + 100))
    assert again.pauses == 2


def test_what_complains_while_it_rests_makes_the_rest_no_longer() -> None:
    pace = pacing.after_complaint(Pace(), NOW, "421 try again in 10 minutes", measured=40)
    late = pacing.after_complaint(pace, later(9), "421 too fast", measured=40)

    assert late == replace(pace, reply="421 too fast")
