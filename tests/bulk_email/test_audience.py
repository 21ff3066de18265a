"""Who is selected, and what becomes of each: the counts and the rows say the same."""

import os

import pytest

from tests import makers
from webapp.bulk_email import audience
from webapp.bulk_email.audience import Counts
from webapp.delivery import suppressing
from webapp.extensions import db
from webapp.mail.causes import Cause

pytestmark = pytest.mark.database
PEOPLE = [
    ("Ann", "ann@x.test"),
    ("Ann again", "ANN@X.test"),
    ("Blank", ""),
    ("Wrong", "two@@x.test"),
    ("Gone", "gone@x.test"),
    ("Left", "left@x.test"),
    ("Bo", "bo@x.test"),
]


@pytest.fixture
def draft(cast):
    form = makers.make_form(cast.workspace, PEOPLE)
    entries = [("gone@x.test", Cause.MAILBOX_MISSING), ("left@x.test", Cause.UNSUBSCRIBED)]
    suppressing.suppress(cast.workspace.id, [suppressing.Entry(*each) for each in entries])
    db.session.commit()
    return makers.make_email(form, makers.make_connection(cast.workspace))


def judged(draft) -> dict[str, tuple[str, str | None]]:
    rows = db.session.execute(audience.judged(draft)).all()
    return {row.values["name"]: (row.status.value, row.cause) for row in rows}


def test_everybody_selected_is_counted_once(draft) -> None:
    assert audience.count(draft) == Counts(
        selected=7, will_get_it=2, no_address=2, duplicates=1, suppressed=2
    )


def test_everybody_has_a_status_and_a_cause(draft) -> None:
    assert judged(draft) == {
        "Ann": ("queued", None),
        "Ann again": ("withheld", "duplicate"),
        "Blank": ("failed", "invalid_address"),
        "Wrong": ("failed", "invalid_address"),
        "Gone": ("withheld", "suppressed"),
        "Left": ("withheld", "unsubscribed"),
        "Bo": ("queued", None),
    }


def test_the_reason_is_a_sentence(draft) -> None:
    rows = db.session.execute(audience.judged(draft)).all()
    reasons = {row.values["name"]: row.reason for row in rows}

    assert reasons["Blank"] == "There is no address."
    assert "@-sign" in reasons["Wrong"]
    assert reasons["Ann"] == ""


def test_by_choice_every_record_gets_a_copy(draft) -> None:
    draft.one_per = "record"

    assert judged(draft)["Ann again"] == ("queued", None)
    assert audience.count(draft).duplicates == 0


def test_a_filter_narrows(draft) -> None:
    draft.filter = {"all": [{"field": "name", "op": "starts", "value": "ann"}]}

    assert audience.count(draft) == Counts(2, 1, 0, 1, 0)


def test_the_suppressions_of_others_do_not_count(cast, draft) -> None:
    db.session.execute(db.text("UPDATE suppressions SET workspace_id = 2"))
    db.session.commit()

    assert audience.count(draft).suppressed == 0


def test_the_counts_are_told_without_zeros(draft) -> None:
    assert audience.describe(Counts(3, 2, 1, 0, 0)) == {
        "will get it": 2,
        "without a valid address": 1,
    }


def steps(draft) -> int:
    """How much SQLite does to count the audience, in thousands of its instructions."""
    done: list[int] = []
    connection = db.session.connection().connection.dbapi_connection
    connection.set_progress_handler(lambda: done.append(1), 1000)
    audience.count(draft)
    connection.set_progress_handler(None, 0)
    return len(done)


@pytest.mark.skipif(bool(os.environ.get("TEST_DATABASE_URL")), reason="counts SQLite's steps")
def test_many_doubles_are_counted_in_time_that_grows_with_them(cast) -> None:
    connection = makers.make_connection(cast.workspace)
    few, many = (
        makers.make_email(makers.make_form(cast.workspace, [("Ann", "a@x.test")] * n), connection)
        for n in (200, 1000)
    )

    assert steps(many) < 8 * steps(few)  # 25 times as much if it went with the square
