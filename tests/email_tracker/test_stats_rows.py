"""Email Tracker Stats as a source of rows: filtered by what is shown, exported whole."""

import pytest

from tests import makers
from webapp.delivery import raising
from webapp.delivery.models import Recipient
from webapp.delivery.statuses import Status
from webapp.email_tracker import stats_rows
from webapp.email_tracker.stats_rows import StatsRows
from webapp.extensions import db
from webapp.forms.filtering import FilterError
from webapp.forms.grid import Query

pytestmark = pytest.mark.database
ROWS = StatsRows(lambda: "Zengine")


@pytest.fixture
def form(cast):
    """Eleven copies, one in each status; one more of an email that is not tracked."""
    people = [(f"Person {status.value}", f"{status.value}@x.test") for status in Status]
    form = makers.make_form(cast.workspace, people)
    connection = makers.make_connection(cast.workspace)
    makers.start(makers.make_email(form, connection))
    ids = [row.id for row in db.session.query(Recipient).order_by(Recipient.id)]
    pairs = zip(ids, Status, strict=True)
    raising.set_statuses({identity: (status, None, "said") for identity, status in pairs})
    db.session.commit()
    other = makers.make_form(cast.workspace, [("Untracked", "untracked@x.test")])
    makers.start(makers.make_email(other, connection), tracked=False)
    return form


def names(form, **asked) -> list[str]:
    rows = ROWS.page(form, Query(**asked)).rows
    return [row.cells["name"].removeprefix("Person ") for row in rows]


def where(field: str, op: str, value: str = "") -> dict:
    return {"filter": {"all": [{"field": field, "op": op, "value": value}]}}


def test_only_tracked_copies_are_rows_newest_first(form) -> None:
    assert names(form) == [status.value for status in reversed(Status)]
    assert ROWS.count(form, Query()) == 11


def test_a_status_is_found_by_its_words(form) -> None:
    assert names(form, **where("status", "is", "Bounced")) == ["bounced", "bounced_soft"]
    assert names(form, **where("status", "is", "waiting")) == ["queued"]
    assert len(names(form, **where("status", "contains", "not sent"))) == 5
    assert len(names(form, **where("status", "is_not", "sent"))) == 10


def test_texts_are_found_and_searched(form) -> None:
    assert names(form, **where("email", "starts", "DELIVERED@")) == ["delivered"]
    assert names(form, **where("subject", "empty")) == []
    assert names(form, search="person failed") == ["failed"]


def test_a_filter_looks_at_a_span_of_copies_for_a_page(form, monkeypatch) -> None:
    monkeypatch.setattr(stats_rows, "SPAN", 5)
    asked, found, looked_at, cursor = where("name", "contains", "ed"), [], [], ""
    while not looked_at or cursor:
        page = ROWS.page(form, Query(**asked, after=cursor))
        found += [row.cells["name"].removeprefix("Person ") for row in page.rows]
        looked_at.append(page.looked_at)
        cursor = page.next_cursor

    assert looked_at == [5, 10, None]
    assert found == [status.value for status in reversed(Status) if "ed" in status.value]


def test_a_field_that_is_not_there_is_refused(form) -> None:
    with pytest.raises(FilterError):
        names(form, **where("password", "is", "x"))


def test_an_export_has_what_the_grid_has(form) -> None:
    exported = [cells["email"] for cells in ROWS.export(form, Query())]

    assert sorted(exported) == sorted(f"{status.value}@x.test" for status in Status)
