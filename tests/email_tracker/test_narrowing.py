"""Who can fit a search is told by the people: nobody whose copy fits is left out."""

import pytest

from tests import makers
from webapp.bulk_email.models import BulkEmail
from webapp.delivery.models_people import OtherName
from webapp.delivery.selecting import Selection
from webapp.email_tracker import introducing, narrowing, paging
from webapp.extensions import db
from webapp.forms import writing
from webapp.forms.models import Record

pytestmark = pytest.mark.database
ROWS = [
    ("Anna Lee", "anna@x.test"),
    ("Ännchen Öz", "oez@y.test"),
    ("Anna Roe", "ANNA@x.test"),
    ("Nobody At All", ""),
    ("No At", "somewhere"),
    ("100% _Bo_ \\", "bo@googlemail.com"),
]


@pytest.fixture
def email(cast) -> BulkEmail:
    """Sent to ROWS; two of them were called something else since, and written to again."""
    form = makers.make_form(cast.workspace, ROWS)
    first = _introduced(form)
    for words in ("oez@", "nobody"):
        record = db.session.query(Record).filter(Record.search.contains(words)).one()
        writing.edit_record(record, {"name": "Zoe New"}, cast.alice)
    db.session.commit()
    _introduced(form)
    return first


def _introduced(form) -> BulkEmail:
    made = makers.make_email(form, makers.make_connection(form.workspace))
    makers.start(made)
    while introducing.introduce_some(made.id):
        pass
    return made


@pytest.mark.parametrize(
    "asked",
    [
        {"search": search}
        for search in ("anna", "nnch öz", "ÄNN y.test", "roe x.test", "nobody", "all nob", "somewh",
                       "100%", "_bo_ 100", "zoe", "test lee roe")
    ]
    + [{"at": "x.test"}, {"at": "Google"}, {"at": "Google", "search": "100%"}, {"at": "no.test"},
       {"search": "anna", "show": "failed"}],
)  # fmt: skip
def test_the_same_are_found_by_people_as_by_every_copy(email, monkeypatch, asked) -> None:
    selection = Selection(**asked)
    every = [copy.id for copy in paging.page(email.id, selection, "", 50)[0]]
    monkeypatch.setattr(paging, "LOOK", 1)
    copies, cursor = paging.page(email.id, selection, "", 50)

    assert cursor == ""
    assert [copy.id for copy in copies] == every


def test_only_names_that_no_person_has_are_kept_beside_and_once(email) -> None:
    kept = [name.search for name in db.session.query(OtherName).order_by(OtherName.search)]
    assert kept == ["anna lee anna@x.test", "no at somewhere", "nobody at all ", "zoe new ",
                    "ännchen öz oez@y.test"]  # fmt: skip

    _introduced(email.form)
    assert db.session.query(OtherName).count() == len(kept)


@pytest.mark.parametrize(
    ("asked", "is_known"),
    [({"search": "xy"}, False), ({"search": "xy anna"}, True), ({"search": "-@-"}, False),
     ({"show": "opened"}, False), ({"at": "x.test"}, True)],
)  # fmt: skip
def test_nobody_is_asked_for_what_no_index_knows(email, asked, is_known: bool) -> None:
    assert (narrowing.narrow(email.id, Selection(**asked)) is not None) == is_known


def test_too_many_are_not_named_nor_those_who_were_not_introduced_yet(email, monkeypatch) -> None:
    new = makers.make_email(email.form, email.connection)
    makers.start(new)
    assert narrowing.narrow(new.id, Selection(search="anna")) is None

    monkeypatch.setattr(narrowing, "MOST", 2)
    assert narrowing.narrow(email.id, Selection(search="100%")) is not None
    assert narrowing.narrow(email.id, Selection(search="test")) is None
