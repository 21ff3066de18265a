"""Pages that begin with what is shown, and look at so many copies as one page may cost."""

import pytest
from sqlalchemy import event, insert, update

from tests import makers
from webapp.bulk_email.models import BulkEmail
from webapp.delivery.models import Recipient
from webapp.delivery.models_following import Attention, LinkClick
from webapp.delivery.selecting import Selection
from webapp.delivery.statuses import Status
from webapp.email_tracker import paging
from webapp.extensions import db

pytestmark = pytest.mark.database
PEOPLE = 60


@pytest.fixture
def email(cast, monkeypatch) -> BulkEmail:
    """Every third is called Ann and clicked link no. 2, every fourth bounced; ten copies are looked
    at for a page."""
    monkeypatch.setattr(paging, "LOOK", 10)
    rows = [("Ann" if n % 3 == 0 else "Bob", f"p{n}@x.test") for n in range(PEOPLE)]
    made = makers.make_email(
        makers.make_form(cast.workspace, rows), makers.make_connection(cast.workspace)
    )
    makers.start(made)
    ids = {copy.id: copy.name for copy in db.session.query(Recipient)}
    who = [{"recipient_id": each, "bulk_email_id": made.id} for each in ids if ids[each] == "Ann"]
    db.session.execute(
        insert(Attention), [each | {"opened_by": "human", "rules": 1} for each in who]
    )
    db.session.execute(insert(LinkClick), [each | {"number": 2, "is_human": True} for each in who])
    bounced = Recipient.id.in_(sorted(ids)[::4])
    db.session.execute(
        update(Recipient).where(bounced).values(status=Status.BOUNCED, cause="mailbox_full")
    )
    db.session.commit()
    return made


def pages(email: BulkEmail, selection: Selection) -> list[list[Recipient]]:
    found, cursor = [], ""
    while not found or cursor:
        copies, cursor = paging.page(email.id, selection, cursor, 5)
        found.append(copies)
    return found


@pytest.mark.parametrize(
    ("asked", "number"),
    [
        ({"search": "ann"}, 20),
        ({"search": "p59@"}, 1),
        ({"search": "zoe"}, 0),
        ({"at": "x.test", "show": "bounced"}, 15),
        ({"search": "ann", "show": "bounced", "cause": "mailbox_full"}, 5),
        ({"show": "opened"}, 20),
        ({"show": "clicked-2", "search": "p3"}, 5),
        ({"show": "opened", "cause": "mailbox_full"}, 5),
        ({"show": "clicked-7"}, 0),
    ],
)
def test_everybody_who_fits_is_on_one_page_and_in_order(email, asked, number: int) -> None:
    found = [copy.id for page in pages(email, Selection(**asked)) for copy in page]

    assert len(found) == number
    assert found == sorted(set(found))


def test_a_word_that_is_rare_ends_a_page_after_so_many_copies(email) -> None:
    assert [len(page) for page in pages(email, Selection(search="p59@"))] == [0] * 3 + [1]


def test_who_opened_it_is_found_without_a_look_at_the_others(email) -> None:
    assert [len(page) for page in pages(email, Selection(show="opened"))] == [5] * 4


def test_who_opened_it_is_read_from_an_index_in_the_order_of_the_copies(email) -> None:
    email_id, connection, looks = email.id, db.session.connection(), []
    is_sqlite = connection.dialect.name == "sqlite"
    if not is_sqlite:  # so few it would rather read all of
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")

    def notice(connection, cursor, statement, parameters, context, is_many) -> None:
        looks.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", notice)
    paging.page(email_id, Selection(show="opened"), "", 5)
    event.remove(connection, "before_cursor_execute", notice)

    explain = "EXPLAIN QUERY PLAN " if is_sqlite else "EXPLAIN "
    assert len(looks) == 1
    plan = str(connection.exec_driver_sql(explain + looks[0][0], looks[0][1]).all())
    assert "ix_attentions_bulk_email_id_opened_by_recipient_id" in plan
