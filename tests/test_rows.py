"""Many rows in one go, on whichever database the tests run."""

import pytest
from sqlalchemy import select

from tests import makers
from webapp import rows
from webapp.delivery.models import Attempt, Recipient
from webapp.delivery.models_following import LinkClick
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.lib import clock

pytestmark = pytest.mark.database


@pytest.fixture
def copies(cast) -> list[Recipient]:
    form = makers.make_form(cast.workspace, [("A", "a@x.test"), ("B", "b@x.test")])
    makers.start(makers.make_email(form, makers.make_connection(cast.workspace)))
    return list(db.session.scalars(select(Recipient).order_by(Recipient.id)))


def test_only_rows_that_are_as_expected_are_changed(copies):
    one, other = copies
    found = rows.update_matching(
        db.session.connection(),
        Recipient.__table__,
        ("id", "status"),
        {"attempt_count": "attempt_count + 1", "status": "{}", "reply": "{}"},
        [
            (one.id, Status.QUEUED, Status.SENT, "250 Ok"),
            (other.id, Status.RETRYING, Status.SENT, "250 Ok"),
        ],
        where="in_flight_at IS NULL",
    )

    db.session.expire_all()
    assert found == {one.id}
    assert (one.status, one.reply, one.attempt_count) == (Status.SENT, "250 Ok", 1)
    assert (other.status, other.reply, other.attempt_count) == (Status.QUEUED, "", 0)


def test_a_row_for_which_the_condition_does_not_hold_is_left_alone(copies):
    one = copies[0]
    found = rows.update_matching(
        db.session.connection(),
        Recipient.__table__,
        ("id",),
        {"reply": "{}"},
        [(one.id, "changed")],
        where="in_flight_at IS NOT NULL",
    )

    db.session.expire_all()
    assert found == set()
    assert one.reply == ""


HOSTILE = ['say "no"', "C:\\\\new", "NULL", "{1,2}", "", " a\tb\nc ", "é, 'x'", "%s {} $1"]


def test_any_text_is_stored_as_it_is(copies):
    table = Recipient.__table__
    columns = ("bulk_email_id", "workspace_id", "name", "address_key", "merge_values", "status")
    columns += ("generation", "reply", "is_conflicting", "created_at", "changed_at", "fence")
    columns += ("attempt_count", "open_count", "click_count", "address")
    now = clock.now()
    same = (0, "", False, now, now, 0, 0, 0, 0, "")
    made = [
        (copies[0].bulk_email_id, copies[0].workspace_id, text, None, {text: text}, Status.SENT)
        + same
        for text in HOSTILE
    ]
    rows.insert_each(db.session.connection(), table, columns, made)

    found = db.session.scalars(select(Recipient).where(Recipient.record_id.is_(None))).all()
    assert [copy.name for copy in found] == HOSTILE
    assert [copy.merge_values for copy in found] == [{text: text} for text in HOSTILE]
    assert {(copy.address_key, copy.status, copy.created_at) for copy in found} == {
        (None, Status.SENT, now)
    }


def test_what_is_counted_is_added_to_what_was_there(copies):
    for _ in range(2):
        ids = [(copy.id, copy.id) for copy in copies]
        how = {"open_count": "open_count + {}"}
        connection, table = db.session.connection(), Recipient.__table__
        rows.update_each(connection, table, ("id", "open_count"), ids, **how)

    db.session.expire_all()
    assert [copy.open_count for copy in copies] == [2 * copy.id for copy in copies]


def test_of_rows_with_a_unique_key_the_new_ones_are_inserted_and_named(copies):
    connection, table = db.session.connection(), LinkClick.__table__
    columns = ("recipient_id", "number", "bulk_email_id", "is_human")
    email_id = copies[0].bulk_email_id
    old = [(copy.id, 1, email_id, True) for copy in copies]
    fresh = [(copies[0].id, 2, email_id, False), (2**40, 1, email_id, False)]

    assert rows.insert_new(connection, table, columns, old, unique=2) == {row[:2] for row in old}
    found = rows.insert_new(connection, table, columns, [*old, *fresh], unique=2)

    assert found == {row[:2] for row in fresh}
    assert rows.insert_new(connection, table, columns, [], unique=2) == set()
    stored = db.session.scalars(select(LinkClick.is_human).order_by(LinkClick.number))
    assert sorted(stored) == [False, False, True, True]


def test_of_many_rows_each_gets_its_own_words(copies):
    table, connection = Attempt.__table__, db.session.connection()
    columns = ("recipient_id", "fence", "generation", "phase", "is_fence_valid", "reply", "status")
    columns += ("began_at", "ended_at")
    now, number = clock.now(), 171  # more than fit into one statement
    texts = [f"{n} {HOSTILE[n % len(HOSTILE)]}" for n in range(number)]
    made = [(copies[0].id, 1, 0, "data", True, text, Status.SENT, now, now) for text in texts]
    rows.insert_at_once(connection, table, columns, made)
    ids = list(db.session.scalars(select(Attempt.id).order_by(Attempt.id)))

    changes = {"reply": "{}", "cause": "substr({reply}, 1, 3)"}
    changed = [(identity, f"{n:03} new") for n, identity in enumerate(ids)]
    found = rows.update_matching(connection, table, ("id",), changes, changed, where="fence = 1")

    assert found == set(ids)
    said = db.session.execute(select(Attempt.reply, Attempt.cause).order_by(Attempt.id)).all()
    assert said == [(f"{n:03} new", f"{n:03}") for n in range(number)]
