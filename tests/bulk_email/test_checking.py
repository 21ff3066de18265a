"""Pre-flight on the real records."""

import pytest

from tests import makers
from webapp.bulk_email import checking
from webapp.extensions import db
from webapp.forms.models import Record
from webapp.mail.merging import MergeError

pytestmark = pytest.mark.database
PEOPLE = [("Ann", "ann@x.test"), ("", "bo@x.test"), ("Cy", ""), ("Ann", "ANN@x.test")]


@pytest.fixture
def draft(cast):
    form = makers.make_form(cast.workspace, PEOPLE)
    return makers.make_email(form, makers.make_connection(cast.workspace), subject="Hello")


def records() -> list[Record]:
    return db.session.query(Record).order_by(Record.id).all()


def test_who_will_not_get_it_is_named_with_the_reason(draft) -> None:
    found = checking.check(draft)

    assert found.can_be_sent
    assert [(each.name, each.address, each.reason) for each in found.unreachable] == [
        ("Cy", "", "There is no address."),
        ("Ann", "ANN@x.test", "duplicate"),
    ]


def test_merges_that_fail_are_named(draft) -> None:
    draft.body = "Dear {{ name }}"

    found = checking.check(draft)

    assert (found.checked, found.failing_count) == (2, 1)
    assert found.failing[0].address == "bo@x.test"
    assert "name is empty" in found.failing[0].reason


@pytest.mark.parametrize(("length", "is_clipped"), [(50_000, False), (100_000, True)])
def test_the_longest_mail_is_measured_and_a_sample(draft, length, is_clipped) -> None:
    draft.body = '{{ name | default: "x" }} ' + "x" * (length - 30)

    found = checking.check(draft)

    assert found.is_clipped is is_clipped
    assert found.largest_bytes > length
    assert found.samples[0] == records()[0].id


def test_nobody_to_write_to_cannot_be_sent(draft) -> None:
    draft.filter = {"all": [{"field": "name", "op": "is", "value": "Cy"}]}

    assert not checking.check(draft).can_be_sent


def test_a_broken_filter_is_a_problem_and_no_error(draft) -> None:
    draft.filter = {"all": [{"field": "gone", "op": "is", "value": "x"}]}

    found = checking.check(draft)

    assert found.counts is None
    assert "no field gone" in found.problems["filter"]
    assert not found.can_be_sent


def test_a_preview_is_what_the_record_gets(draft) -> None:
    draft.subject = "Hi {{ name }}"
    seen = checking.preview(draft, records()[0])

    assert (seen.name, seen.address, seen.withheld) == ("Ann", "ann@x.test", "")
    assert seen.subject == "Hi Ann"
    assert "Dear Ann" in seen.text
    assert "Dear Ann" in seen.html


def test_a_preview_says_who_will_not_get_it(draft) -> None:
    assert checking.preview(draft, records()[2]).withheld == "There is no address."
    assert checking.preview(draft, records()[3]).withheld == "duplicate"


def test_a_preview_of_a_failing_merge_raises(draft) -> None:
    draft.subject = "Hi {{ name }}"

    with pytest.raises(MergeError):
        checking.preview(draft, records()[1])


def test_one_can_step_from_person_to_person(draft) -> None:
    ids = [record.id for record in records()]

    assert checking.neighbours(draft, ids[0]) == (None, ids[1])
    assert checking.neighbours(draft, ids[1]) == (ids[0], ids[2])
    assert checking.neighbours(draft, ids[3]) == (ids[2], None)


def test_the_first_preview_is_of_somebody_reached(cast) -> None:
    form = makers.make_form(cast.workspace, [("Cy", ""), ("Bo", "bo@x.test")])
    draft = makers.make_email(form, makers.make_connection(cast.workspace))

    assert checking.first_record(draft).values["name"] == "Bo"
