"""Stored Arrivals become Events, many at once, and none stops the others."""

import pytest
from sqlalchemy import select

from tests import makers
from tests.email_tracker.posting import about, count, digest, post
from tests.statements import said_while
from webapp import providers
from webapp.delivery.models import Arrival, ArrivalStage, Event, Recipient
from webapp.email_tracker import digesting
from webapp.extensions import db

pytestmark = pytest.mark.database


@pytest.fixture
def copies(cast, connection) -> list[Recipient]:
    rows = [(f"P {number}", f"p{number}@x.test") for number in range(40)]
    makers.start(makers.make_email(makers.make_form(cast.workspace, rows), connection))
    return list(db.session.scalars(select(Recipient).order_by(Recipient.id)))


def test_many_arrivals_cost_hardly_more_than_one(app, client, connection, copies) -> None:
    post(client, connection, about(app, copies[0]))
    one = len(said_while(lambda: digest(app)))
    for copy in copies[1:]:
        post(client, connection, about(app, copy))
    many = len(said_while(lambda: digest(app)))

    assert count(Event) == 40
    assert many < one + 12


def test_an_arrival_that_cannot_be_read_is_kept_with_its_reason(app, client, connection) -> None:
    post(client, connection, b"hello")
    digest(app)

    arrival = db.session.scalar(select(Arrival))
    assert (arrival.stage, bytes(arrival.body)) == (ArrivalStage.UNREADABLE, b"hello")
    assert "JSON" in arrival.error


def test_one_that_breaks_its_parser_stands_alone(app, client, connection, copies) -> None:
    from dataclasses import replace

    def breaks(body: bytes, headers: dict) -> list:
        if body == b"[5]":
            raise ZeroDivisionError("a mistake of ours")
        return providers.BY_NAME["sandbox"].parse(body, headers)

    broken = {"sandbox": replace(providers.BY_NAME["sandbox"], parse=breaks)}
    post(client, connection, b"[5]")
    post(client, connection, about(app, copies[0]))
    digesting.digest_some(broken, app.config["TOKEN_KEY"])
    db.session.expire_all()

    stages = db.session.scalars(select(Arrival.stage).order_by(Arrival.id)).all()
    assert stages == [ArrivalStage.UNREADABLE, ArrivalStage.DIGESTED]
    assert copies[0].status == "delivered"


def test_a_batch_is_bounded_by_its_bytes(app, client, connection) -> None:
    for letter in (b"a", b"b", b"c"):
        post(client, connection, letter * 1_000_000)

    key = app.config["TOKEN_KEY"]
    assert [digesting.digest_some(providers.BY_NAME, key) for _ in range(3)] == [2, 1, 0]


def test_what_waits_is_known_to_the_clock(app, client, connection) -> None:
    assert not digesting.are_waiting()
    post(client, connection, b"[]")
    assert digesting.are_waiting()
    digest(app)
    assert not digesting.are_waiting()


def test_a_second_worker_takes_what_the_first_has_not(
    app, client, connection, copies, monkeypatch
) -> None:
    if db.engine.dialect.name == "sqlite":
        return  # one writer at a time: there the second waits
    monkeypatch.setattr(digesting, "BATCH_BYTES", 1)
    for copy in copies[:2]:
        post(client, connection, about(app, copy))
    with db.engine.connect() as other:
        other.execute(select(Arrival.id).order_by(Arrival.id).limit(1).with_for_update())
        assert digesting.digest_some(providers.READERS, app.config["TOKEN_KEY"]) == 1

    stages = db.session.scalars(select(Arrival.stage).order_by(Arrival.id)).all()
    assert stages == [ArrivalStage.STORED, ArrivalStage.DIGESTED]
