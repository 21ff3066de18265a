"""Times as plots: sections by minute, hour and day, each of its own scale."""

from datetime import UTC, datetime, timedelta

import pytest

from webapp.email_tracker import drawing
from webapp.email_tracker.summing_up import Moment

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def test_each_unit_that_has_anything_is_a_section() -> None:
    moments = [Moment("minute", 0, 10, 0), Moment("minute", 59, 5, 5), Moment("day", 4, 1, 0)]

    minutes, days = drawing.sections(moments, START)

    assert (minutes.title, days.title) == ("The first hour, by minute", "Then by day")
    assert (minutes.ended, days.began) == (
        START + timedelta(hours=1),
        START + timedelta(days=2),
    )
    assert [slot.at for slot in days.slots] == [START + timedelta(days=4)]


@pytest.mark.parametrize(("last", "slots"), [(0, 10), (9, 10), (30, 31), (59, 60)])
def test_the_axis_is_as_long_as_there_is_to_show(last: int, slots: int) -> None:
    (section,) = drawing.sections([Moment("minute", last, 1, 0)], START)

    assert section.slots[0].width == pytest.approx(100 / slots, abs=0.001)
    assert section.slots[0].x + section.slots[0].width <= 100.001


def test_the_kinds_are_stacked_within_the_height() -> None:
    (section,) = drawing.sections([Moment("minute", 0, 600, 200), Moment("minute", 1, 1, 1)], START)

    tall, low = section.slots
    assert section.top == 800
    assert [(part.kind, part.y, part.height) for part in tall.parts] == [
        ("delivered", 20.0, 60.0),
        ("lost", 0.0, 20.0),
    ]
    assert all(part.height >= 1 for part in low.parts)


def test_nothing_is_drawn_of_nothing() -> None:
    assert drawing.sections([], START) == []
    assert drawing.sections([Moment("minute", 0, 1, 0)], None) == []


def test_bars_stand_side_by_side_and_fill_the_height():
    top, bars = drawing.bars([[("lost", 10), ("open", 20)], [("lost", 0)]])

    assert top == 30
    assert [(part.kind, part.y, part.height) for part in bars[0].parts] == [
        ("lost", 53.33, 26.67),
        ("open", 0.0, 53.33),
    ]
    assert bars[1].parts == []
    assert bars[0].x + bars[0].width < bars[1].x


def test_no_bars_are_no_trouble():
    assert drawing.bars([]) == (1, [])
