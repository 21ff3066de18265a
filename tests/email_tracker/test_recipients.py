"""The Recipients tab: exactly three words, and every filter, search and order pages through."""

import pytest
from sqlalchemy import update

from tests import makers
from webapp.bulk_email.models import BulkEmail
from webapp.delivery import raising, selecting
from webapp.delivery.models import Recipient
from webapp.delivery.statuses import Group, Status
from webapp.delivery.tallying import PARTS
from webapp.email_tracker import recipients
from webapp.email_tracker.recipients import RecipientQuery
from webapp.extensions import db
from webapp.forms import sorting
from webapp.lib import clock
from webapp.mail.causes import Cause

pytestmark = pytest.mark.database


@pytest.fixture
def bulk_email(cast) -> BulkEmail:
    """Of 130 people, ten or more in every status."""
    rows = [(f"Person {number:03}", f"p{number}@x.test") for number in range(130)]
    form = makers.make_form(cast.workspace, rows)
    made = makers.make_email(form, makers.make_connection(cast.workspace))
    makers.start(made)
    ids = [row.id for row in db.session.query(Recipient).order_by(Recipient.id)]
    each = list(Status)
    raising.set_statuses(
        {identity: (each[place % len(each)], None, "") for place, identity in enumerate(ids)}
    )
    db.session.commit()
    return made


def all_of(bulk_email, **asked: str) -> list[Recipient]:
    """Through all pages."""
    query, found = RecipientQuery(**asked), []
    while True:
        copies, cursor = recipients.page(bulk_email.id, query)
        found += copies
        if not cursor:
            return found
        query = RecipientQuery(**asked, after=cursor)


@pytest.mark.parametrize("sort", ["", *recipients.SORTS, *(f"-{key}" for key in recipients.SORTS)])
def test_every_order_shows_everybody_once(bulk_email, sort: str) -> None:
    ids = [copy.id for copy in all_of(bulk_email, sort=sort)]

    assert len(ids) == len(set(ids)) == 130


def test_an_order_and_its_reverse_mirror_each_other(bulk_email) -> None:
    up, down = ([copy.id for copy in all_of(bulk_email, sort=key)] for key in ("name", "-name"))

    assert up == down[::-1]


def test_the_parts_of_the_books_are_filters_that_add_up(bulk_email) -> None:
    books = makers.books(bulk_email)
    shown = {part: len(all_of(bulk_email, show=part)) for part in PARTS}

    assert shown == books.parts
    groups = {"delivered": Group.DELIVERED, "sent": Group.SENT, "not-sent": Group.NOT_SENT}
    assert {groups[key]: len(all_of(bulk_email, show=key)) for key in groups} == books.groups


@pytest.mark.parametrize(
    ("search", "number"), [("PERSON 00", 11), ("p77@", 1), ("person 003 p3@", 1), ("50%", 0)]
)
def test_a_search_finds_names_and_addresses(bulk_email, search: str, number: int) -> None:
    assert len(all_of(bulk_email, search=search)) == number


def test_a_broken_cursor_or_filter_shows_the_beginning(bulk_email) -> None:
    for query in (RecipientQuery(after="zzz"), RecipientQuery(show="nonsense", sort="nonsense")):
        assert recipients.page(bulk_email.id, query)[0][0].name == "Person 000"


def test_a_mailbox_provider_is_a_filter(bulk_email) -> None:
    db.session.execute(
        update(Recipient)
        .where(Recipient.name.in_(["Person 003", "Person 005"]))
        .values(address_key="someone@googlemail.com")
    )

    assert [copy.name for copy in all_of(bulk_email, at="Google")] == ["Person 003", "Person 005"]
    assert len(all_of(bulk_email, at="x.test")) == 128


@pytest.mark.parametrize("sort", ["", "status", "-status", "changed", "-changed"])
@pytest.mark.parametrize("show", ["not-sent", "ended"])
def test_several_statuses_are_put_together_in_one_order(bulk_email, show: str, sort: str) -> None:
    db.session.execute(
        update(Recipient).values(changed_at=clock.now(), cause=Cause.GAVE_UP.value)
        .where(Recipient.id % 2 == 0)
    )  # fmt: skip
    found = all_of(bulk_email, show=show, sort=sort)

    key = {"status": lambda copy: (copy.status.rank, copy.id), "": lambda copy: copy.id}.get(
        sort.removeprefix("-"), lambda copy: (copy.changed_at, copy.id)
    )
    assert found == sorted(found, key=key, reverse=sort.startswith("-"))
    assert {copy.status for copy in found} == set(selecting.FILTERS[show])
    of_cause = all_of(bulk_email, show=show, cause="gave_up")
    assert [copy.id for copy in of_cause] == sorted(c.id for c in found if c.id % 2 == 0)


def test_above_the_limit_a_job_makes_the_orders_that_have_no_index() -> None:
    many = recipients.MAX_SORTED + 1

    def made_by_a_job(**asked: str) -> list[str]:
        orders = list(recipients.SORTS)
        return [k for k in orders if RecipientQuery(sort=f"-{k}", **asked).wants_sorting(many)]

    assert made_by_a_job(show="bounced") == ["name", "address"]
    assert made_by_a_job(cause="gave_up") == ["name", "address", "changed"]
    assert made_by_a_job(search="ann") == made_by_a_job(at="x.test") == list(recipients.SORTS)
    assert not RecipientQuery(sort="name").wants_sorting(many - 1)
    assert not RecipientQuery(search="ann").wants_sorting(many)


@pytest.mark.parametrize("asked", [{"sort": "-name"}, {"sort": "address", "show": "bounced"}])
def test_a_job_sorts_as_a_look_at_all_copies_does(cast, bulk_email, asked: dict) -> None:
    query = RecipientQuery(**asked)
    order = sorting.ask(cast.workspace, recipients.asked(bulk_email.id, query))
    sorting.run(order.id)

    found, cursor = [], ""
    while not found or cursor:
        copies, cursor = recipients.sorted_page(order, cursor)
        found += copies
    assert found == all_of(bulk_email, **asked)
