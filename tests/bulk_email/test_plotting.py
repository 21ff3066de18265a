"""Where things stand in the plot; the numbers beside it are the same."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from webapp.bulk_email import plotting
from webapp.bulk_email.plotting import Count

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FIRST = int(NOON.timestamp()) // 10


def test_nothing_is_no_plot() -> None:
    assert plotting.plot([], 10) is None


def test_slots_stand_at_their_time_and_as_high_as_they_were_fast() -> None:
    plot = plotting.plot(
        [Count(FIRST, "Google", 100, 0, 0), Count(FIRST + 3, "Google", 30, 10, 10)], 10
    )

    assert (plot.began, plot.ended) == (NOON, NOON + timedelta(seconds=40))
    assert [(slot.x, slot.width, slot.rate) for slot in plot.slots] == [(0, 25, 10), (75, 25, 5)]
    assert (plot.top, plot.fastest) == (10, 10)
    assert [(part.kind, part.y, part.height) for part in plot.slots[1].parts] == [
        ("accepted", 67.2, 28.8), ("deferred", 57.6, 9.6), ("refused", 48.0, 9.6),
    ]  # fmt: skip


def test_a_live_plot_goes_on_to_now() -> None:
    ended = NOON + timedelta(seconds=95)
    plot = plotting.plot([Count(FIRST, "Google", 100, 0, 0)], 10, ended)

    assert (plot.ended, plot.slots[0].width) == (NOON + timedelta(seconds=100), 10)


def test_the_largest_destinations_have_rows_and_the_others_one_together() -> None:
    counts = [Count(FIRST, f"d{number:02}.test", 100 - number, 0, 0) for number in range(20)]
    plot = plotting.plot([*counts, Count(FIRST, "", 5, 0, 0)], 10)

    assert [row.name for row in plot.rows][:2] == ["d00.test", "d01.test"]
    assert len(plot.rows) == plotting.MOST_ROWS
    assert (plot.rows[-1].name, plot.rows[-1].mails) == ("", sum(range(81, 89)) + 5)


@given(st.integers(min_value=0, max_value=10 * 365 * 24 * 3600))
def test_any_length_of_time_fits(seconds: int) -> None:
    size = plotting.slot_seconds(NOON, NOON + timedelta(seconds=seconds))
    assert seconds / size <= plotting.MOST_SLOTS or size == plotting.SLOTS_SECONDS[-1]


counts = st.builds(
    Count, st.integers(0, 59), st.sampled_from(["", "Google", "x.test"]),
    *(st.integers(0, 10_000) for _ in plotting.KINDS),
)  # fmt: skip


@given(st.lists(counts, min_size=1, max_size=40))
def test_nothing_stands_outside_and_nothing_is_left_out(found) -> None:
    mails = sum(sum(each[2:]) for each in found)
    if not mails:
        return
    plot = plotting.plot(found, 10)

    assert sum(sum(slot.counts.values()) for slot in plot.slots) == mails
    assert sum(row.mails for row in plot.rows) == mails
    for slot in plot.slots:
        assert all(part.y >= -0.2 for part in slot.parts)
        assert slot.x + slot.width <= 100.01
