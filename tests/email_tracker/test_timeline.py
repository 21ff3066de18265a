"""One copy's history: everything that is known, in the order in which it happened."""

from datetime import timedelta

import pytest

from tests import makers
from tests.email_tracker.posting import about, digest, post
from tests.smtp_server import SmtpServer
from webapp.bulk_email import resending
from webapp.bulk_email.models import BulkEmail
from webapp.bulk_email.resending import Wish
from webapp.delivery import raising, suppressing
from webapp.delivery.selecting import Selection
from webapp.delivery.statuses import Label, Status
from webapp.email_tracker import timeline
from webapp.extensions import db
from webapp.forms import writing
from webapp.forms.models import Record
from webapp.lib import clock
from webapp.mail.causes import Cause

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


def test_corrections_stand_where_they_happened(cast, copy) -> None:
    record = db.session.query(Record).one()
    writing.edit_record(record, {"email": "ann@new.test"}, cast.alice)
    db.session.flush()
    entry = suppressing.Entry("ann@x.test", Cause.MAILBOX_MISSING, created_by_id=cast.alice.id)
    suppressing.suppress(cast.workspace.id, [entry])
    active = suppressing.suppressed(cast.workspace.id, ["ann@x.test"])["ann@x.test"]
    suppressing.lift(active, cast.bob.id, "She wrote to us.")
    db.session.commit()

    assert titles(copy)[1:] == [
        "The address in the record was changed from ann@x.test to ann@new.test",
        "The address gets no more mail from here",
        "The address may get mail again",
    ]
    assert [each.note for each in timeline.history(copy)[1:]] == [
        "By Alice.",
        "The mailbox does not exist. By Alice.",
        "She wrote to us. By Bob.",
    ]


def test_a_copy_says_as_what_it_was_sent_again(cast, copy) -> None:
    raising.raise_statuses([raising.Change(copy.id, Status.BOUNCED_SOFT, Cause.GAVE_UP)])
    email = db.session.get(BulkEmail, copy.bulk_email_id)
    made = {"nonce": "n", "by": cast.alice, "tracked": True, "number": 1}
    child = resending.send_again(email, Wish(Selection()), **made)
    while makers.preparing.prepare_some(child.id):
        pass

    assert titles(copy)[-1] == "Sent again, to ann@x.test"


def test_reports_that_contradict_each_other_are_named(app, client, connection, copy) -> None:
    at = clock.now()
    for number, name in enumerate(("delivered", "bounced")):
        moment = (at + timedelta(seconds=number)).isoformat()
        post(client, connection, about(app, copy, event=name, at=moment, smtp="550 5.1.1 none"))
    digest(app)
    notes = {each.title: each.note for each in timeline.history(copy) if each.status}

    assert notes == {
        "Their server accepted it": "It contradicts: “Their server refused it”.",
        "Their server refused it": "It contradicts: “Their server accepted it”.",
    }
