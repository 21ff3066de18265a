"""One copy's history: everything that is known, in the order in which it happened."""

from datetime import timedelta

import pytest

from tests import makers
from tests.email_tracker.posting import about, digest, post
from tests.smtp_server import SmtpServer
from webapp.bulk_email.models import BulkEmail
from webapp.delivery.statuses import Label
from webapp.email_tracker import timeline
from webapp.extensions import db
from webapp.lib import clock

pytestmark = pytest.mark.database


def titles(copy) -> list[str]:
    db.session.expire_all()
    return [entry.title for entry in timeline.history(copy)]


def test_attempts_and_events_stand_in_the_order_of_their_time(
    app, client, connection, copy
) -> None:
    with SmtpServer() as server:
        connection.port = server.port
        db.session.commit()
        makers.draining.drain(makers.make_setting(), 10)
    later = clock.now() + timedelta(seconds=1)
    post(client, connection, about(app, copy, event="delivered", at=later.isoformat()))
    post(client, connection, about(app, copy, event="processed", at=clock.now().isoformat()))
    digest(app)

    assert titles(copy) == [
        "The copy was made, its address and values frozen",
        "Attempt 1: Accepted for delivery",
        "The provider took it over",
        "Their server accepted it",
    ]


def test_a_report_that_came_late_says_when_it_came(app, client, connection, copy) -> None:
    at = clock.now() - timedelta(hours=2)
    post(client, connection, about(app, copy, at=at.isoformat()))
    digest(app)

    entry = next(each for each in timeline.history(copy) if each.at == at)
    assert entry.recorded_at > entry.at


def test_the_six_carry_the_times_at_which_they_were_reached(app, client, connection, copy) -> None:
    at = clock.now()
    for number, name in enumerate(("processed", "deferred", "delivered")):
        moment = (at + timedelta(seconds=number)).isoformat()
        post(client, connection, about(app, copy, event=name, at=moment, smtp="450 4.2.0 later"))
    digest(app)

    lines = timeline.labels(copy, timeline.history(copy), "Zengine")
    assert [line.title for line in lines if line.is_current] == ["Delivered"]
    reached = [line.reached_at for line in lines]
    assert [each is not None for each in reached] == [
        label in (Label.DEFERRED, Label.SENT, Label.DELIVERED) for label in Label
    ]


def test_a_copy_never_tried_says_why(cast, connection) -> None:
    form = makers.make_form(cast.workspace, [("Nobody", "")])
    bulk_email = makers.make_email(form, connection)
    makers.start(bulk_email)
    copy = db.session.query(makers.Recipient).filter_by(bulk_email_id=bulk_email.id).one()

    entry = timeline.history(copy)[-1]
    assert (entry.title, entry.status) == ("Not sent", "failed")


def test_the_message_id_is_the_token_at_the_frozen_domain(app, copy) -> None:
    bulk_email = db.session.get_one(BulkEmail, copy.bulk_email_id)

    assert timeline.message_id(copy, bulk_email).endswith("@acme.test>")
