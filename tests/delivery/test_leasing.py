"""Copies are taken in turn, and what it costs does not grow with those that wait."""

import pytest
from sqlalchemy import event, true

from tests import makers
from webapp.delivery import leasing
from webapp.extensions import db

pytestmark = pytest.mark.database
ALL = true()


@pytest.fixture
def take(cast):
    form = makers.make_form(cast.workspace, [(name, f"{name}@x.test") for name in "abcde"])
    relay = makers.make_connection(cast.workspace)
    email = makers.make_email(form, relay)
    makers.start(email)

    def take(count: int, after: leasing.Cursor | None = None) -> leasing.Taken:
        return leasing.take(
            email.id, owner="me", count=count, seconds=60, may_send=ALL, connection_id=relay.id,
            after=after,
        )  # fmt: skip

    return take


def test_each_is_taken_once_and_in_turn(take) -> None:
    first = take(2)
    second = take(9, first.cursor)

    assert [row.address for row in first.rows] == ["a@x.test", "b@x.test"]
    assert [row.address for row in second.rows] == ["c@x.test", "d@x.test", "e@x.test"]
    assert (first.is_all, second.is_all) == (False, True)
    assert take(9).rows == []


def test_those_that_wait_are_neither_fetched_nor_sorted_for_a_look(take) -> None:
    connection, looks = db.session.connection(), []
    is_sqlite = connection.dialect.name == "sqlite"
    if not is_sqlite:  # now it knows of five copies, and would rather look at all of them
        connection.exec_driver_sql("ANALYZE recipients")

    def notice(connection, cursor, statement, parameters, context, is_many) -> None:
        if statement.startswith("SELECT recipients.id"):
            looks.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", notice)
    take(2, take(1).cursor)
    event.remove(connection, "before_cursor_execute", notice)

    explain = "EXPLAIN QUERY PLAN " if is_sqlite else "EXPLAIN "
    assert len(looks) == 2
    for statement, parameters in looks:
        plan = str(connection.exec_driver_sql(explain + statement, parameters).all())
        assert "ix_recipients_waiting" in plan
        assert "Sort" not in plan
        assert "TEMP B-TREE" not in plan
