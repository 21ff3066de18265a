"""One person: found by any part, with every email, what stands in the way, and what is planned."""

from datetime import timedelta

import pytest

from tests import makers
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.delivery import raising, suppressing
from webapp.delivery.models import Recipient
from webapp.delivery.models_people import Person
from webapp.delivery.statuses import Status
from webapp.email_tracker import introducing, people
from webapp.extensions import db
from webapp.forms import writing
from webapp.forms.models import Record
from webapp.lib import clock
from webapp.mail.causes import Cause

pytestmark = pytest.mark.database
ROWS = [
    ("Anna Lee", "anna@x.test"),
    ("Ännchen Öz", "oez@y.test"),
    ("100% \\ _Bo_", 'bo"x@y.test'),
    ("Blank", ""),
]


@pytest.fixture
def email(cast, connection) -> BulkEmail:
    form = makers.make_form(cast.workspace, ROWS)
    made = makers.make_email(form, connection, cast.alice)
    makers.start(made)
    introduce(made)
    return made


def introduce(email: BulkEmail) -> None:
    while introducing.introduce_some(email.id):
        pass


def names(workspace, words: str) -> list[str]:
    return sorted(person.name for person in people.find(workspace, words))


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("anna", ["Anna Lee"]),
        ("NNA le", ["Anna Lee"]),
        ("lee x.test", ["Anna Lee"]),
        ("öz", ["Ännchen Öz"]),
        ("ÄNN", ["Ännchen Öz"]),
        ("y.test", ["100% \\ _Bo_", "Ännchen Öz"]),
        ("100%", ["100% \\ _Bo_"]),
        ("% \\", ["100% \\ _Bo_"]),
        ("_bo_", ["100% \\ _Bo_"]),
        ('o"x@', ["100% \\ _Bo_"]),
        ("' OR 1", []),
        ("%%%", []),
        ("zoe", []),
    ],
)
def test_any_part_of_name_or_address_finds(cast, email, words, found) -> None:
    if 'bo"x' not in {row.address for row in db.session.query(Person)} and "100%" in "".join(found):
        db.session.add(
            Person(workspace_id=cast.workspace.id, address_key="bo", address='bo"x@y.test',
                   name="100% \\ _Bo_", search='100% \\ _bo_ bo"x@y.test')
        )  # fmt: skip
        db.session.commit()
    assert names(cast.workspace, words) == sorted(found)


def test_people_of_other_workspaces_are_not_found(cast, email) -> None:
    assert names(cast.charlie.members[0].workspace, "anna") == []


def test_who_is_written_to_again_is_one_person_with_the_newest_name(cast, email) -> None:
    record = db.session.query(Record).filter(Record.search.contains("anna")).one()
    writing.edit_record(record, {"name": "Anna Roe"}, cast.alice)
    db.session.commit()
    again = makers.make_email(email.form, email.connection)
    makers.start(again)
    introduce(again)

    assert names(cast.workspace, "anna@") == ["Anna Roe"]
    assert names(cast.workspace, "anna lee") == []


def test_a_large_email_is_sent_before_its_people_are_introduced(cast, email) -> None:
    again = makers.make_email(email.form, email.connection)
    makers.start(again)
    assert introducing.due() == [again.id]
    again.expected = introducing.WHILE_SENDING + 1
    db.session.commit()
    assert introducing.due() == []
    introduce(again)
    assert introducing.due() == []


@pytest.fixture
def page(cast, email, sign_in) -> str:
    """Anna's page: bounced, suppressed, selected by a scheduled email."""
    copy = db.session.query(Recipient).filter_by(name="Anna Lee").one()
    raising.raise_statuses([raising.Change(copy.id, Status.BOUNCED, Cause.MAILBOX_MISSING)])
    suppressing.suppress(
        cast.workspace.id, [suppressing.Entry("anna@x.test", Cause.MAILBOX_MISSING)]
    )
    makers.make_email(email.form, email.connection, subject="Next week", stage=Stage.SCHEDULED,
                      scheduled_at=clock.now() + timedelta(days=7))  # fmt: skip
    one = {"all": [{"field": "name", "op": "is", "value": "Nobody"}]}
    makers.make_email(email.form, email.connection, subject="Others", stage=Stage.SCHEDULED,
                      scheduled_at=clock.now() + timedelta(days=7), filter=one)  # fmt: skip
    person = db.session.query(Person).filter_by(address_key="anna@x.test").one()
    return f"/w/acme/people/{person.id}"


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}], ids=["page", "part"])
def test_a_person_s_page_tells_everything(cast, email, page, sign_in, headers) -> None:
    text = sign_in(cast.bob).get(page, headers=headers).text

    assert ("<html" in text) == (not headers)
    assert "Hello {{ name }}" in text
    assert "Bounced" in text
    assert "The mailbox does not exist." in text
    assert "This address gets no more mail from here" in text
    assert "Next week" in text
    assert "will be withheld" in text
    assert "Others" not in text
    assert "Record in People" in text


def test_the_search_shows_the_last_email_and_leads_to_the_page(cast, page, sign_in) -> None:
    text = sign_in(cast.bob).get("/w/acme/people-search?q=anna").text

    assert f'href="{page}"' in text
    assert "The mailbox does not exist. The address gets no more mail from here." in text


def test_a_record_without_an_address_has_its_emails_too(cast, email) -> None:
    record = db.session.query(Record).filter(Record.search.contains("blank")).one()

    ((copy, found),) = people.copies(cast.workspace, [], [record])
    assert (copy.name, found.id) == ("Blank", email.id)
