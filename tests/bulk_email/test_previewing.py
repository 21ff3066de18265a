"""A large preview is counted by a job, piece by piece, and says the same as one counted at once."""

from datetime import timedelta

import pytest
from sqlalchemy import event

from tests import makers
from tests.bulk_email.sent_again import ALL, copies, send
from webapp.bulk_email import previewing
from webapp.bulk_email.models import BulkEmail
from webapp.bulk_email.models_looks import ResendLook
from webapp.bulk_email.resending import Wish
from webapp.delivery import raising
from webapp.delivery.selecting import Selection
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.forms import writing
from webapp.forms.models import Record
from webapp.lib import clock
from webapp.mail.causes import Cause

pytestmark = pytest.mark.database


@pytest.fixture(autouse=True)
def _every_piece_is_small(monkeypatch) -> None:
    monkeypatch.setattr(previewing, "CHUNK", 2)


def counted(email: BulkEmail, wish: Wish = ALL) -> previewing.Preview:
    previewing.count(previewing.begin(email, wish).id)
    found = previewing.find(email, wish)
    assert isinstance(found, previewing.Preview)
    return found


@pytest.mark.parametrize(
    "selection", [Selection(), Selection(cause="gave_up"), Selection(show="failed")]
)
def test_it_says_the_same_and_that_is_what_is_frozen(cast, parent, selection) -> None:
    found = counted(parent, Wish(selection))

    at_once = previewing.preview(parent, Wish(selection))
    assert found.as_of is not None
    assert (found.number, found.refused, found.people) == (
        at_once.number,
        at_once.refused,
        at_once.people,
    )
    assert len(copies(send(parent, cast, Wish(selection)))) == found.number > 0


def test_who_shares_an_address_gets_one_and_is_counted_once(cast, parent) -> None:
    both = [row for row in db.session.query(Record) if row.values["name"] in ("gaveup", "server")]
    for record in both:
        writing.edit_record(record, {"email": "both@x.test"}, cast.alice)
    db.session.commit()

    found = counted(parent)

    assert (found.number, found.refused["twin"]) == (1, 2)
    child = makers.books(send(parent, cast))
    assert (child.waiting, child.dropped) == (1, 1)


def test_how_far_it_is_is_told_and_a_dead_worker_s_work_is_begun_again(parent) -> None:
    look = previewing.begin(parent, ALL)
    assert (look.done, look.total) == (0, 8)
    look.heard_at, look.done = clock.now(), 5
    db.session.commit()

    previewing.count(look.id)  # somebody is at it
    assert previewing.find(parent, ALL) is look
    look.heard_at -= timedelta(minutes=1)
    db.session.commit()
    previewing.count(look.id)

    db.session.expire_all()
    assert (look.done, look.found["numbers"][""]) == (8, 2)


def test_what_was_counted_is_forgotten_after_a_while_and_when_it_was_sent(cast, parent) -> None:
    counted(parent)
    db.session.query(ResendLook).one().finished_at -= timedelta(minutes=11)
    db.session.commit()
    assert previewing.find(parent, ALL) is None
    assert counted(parent).number == 2

    send(parent, cast)

    assert previewing.find(parent, ALL) is None
    assert counted(parent).number == 0


def test_only_what_is_bounded_is_counted_in_a_request(parent, monkeypatch) -> None:
    monkeypatch.setattr(previewing, "AT_ONCE", 8)
    assert previewing.is_quick(parent, ALL)
    assert previewing.is_quick(parent, Wish(Selection(ids=(1,), cause="gave_up")))
    assert not previewing.is_quick(parent, Wish(Selection(cause="gave_up")))

    done = copies(parent)["may"].id
    raising.raise_statuses([raising.Change(done, Status.BOUNCED, Cause.GAVE_UP)])
    db.session.commit()
    assert not previewing.is_quick(parent, ALL)


def test_who_has_the_same_address_is_found_by_it_and_not_among_all_who_got_it(parent) -> None:
    connection, looks = db.session.connection(), []

    def notice(connection, cursor, statement, parameters, context, is_many) -> None:
        if "AS refusal" in statement:
            looks.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", notice)
    previewing.preview(parent, ALL)
    event.remove(connection, "before_cursor_execute", notice)

    explain = "EXPLAIN QUERY PLAN " if connection.dialect.name == "sqlite" else "EXPLAIN "
    assert looks
    for statement, parameters in looks:
        plan = str(connection.exec_driver_sql(explain + statement, parameters).all())
        assert "ix_recipients_bulk_email_id_status_changed_at_id" not in plan
