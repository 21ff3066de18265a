"""Many rows in one go, on whichever database the tests run."""

import pytest
from sqlalchemy import select

from tests import makers
from webapp import rows
from webapp.delivery.models import Recipient
from webapp.delivery.statuses import Status
from webapp.extensions import db

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
