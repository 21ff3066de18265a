"""Parcels to other systems: signed, in order, tried again for days, given up in the end."""

import json
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import update

from tests import makers
from tests.webhook_receiver import Receiver
from webapp.accounts.models_telling import Tiding
from webapp.accounts.telling import Means
from webapp.bulk_email import dispatching, packing, subscribing
from webapp.bulk_email.models import BulkEmail
from webapp.delivery import calling, passing_on, raising
from webapp.delivery.models import Recipient
from webapp.delivery.models_endpoints import (
    Endpoint,
    Happening,
    HappeningKind,
    Parcel,
    ParcelState,
    ParcelTry,
)
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.lib import clock
from webapp.mail.causes import Cause
from webapp.providers import resend
from webapp.providers.contract import Keys

pytestmark = pytest.mark.database
MEANS = Means("https://app.test", makers.TOKEN_KEY, has_mail_server=True)
WAY = dispatching.Way(partial(calling.post, allow_private=True), MEANS)


@pytest.fixture
def receiver():
    with Receiver() as made:
        yield made


@pytest.fixture
def endpoint(cast, receiver) -> Endpoint:
    """Told of Ann's delivery, Bo's bounce, and the end of their email."""
    form = makers.make_form(cast.workspace, [("Ann", "ann@x.test"), ("Bo", "bo@x.test")])
    made = subscribing.add(cast.workspace, receiver.url, HappeningKind, cast.alice)
    email = makers.make_email(form, makers.make_connection(cast.workspace))
    makers.start(email)
    ann, bo = db.session.scalars(db.select(Recipient.id).order_by(Recipient.id))
    raising.raise_statuses(
        [
            raising.Change(ann, Status.DELIVERED),
            raising.Change(bo, Status.BOUNCED, Cause.MAILBOX_MISSING, "550 <b>no</b>"),
        ]
    )
    passing_on.note_email(HappeningKind.EMAIL_FINISHED, cast.workspace.id, email.id)
    db.session.commit()
    return made


def dispatch() -> None:
    """As the clock has it done."""
    for endpoint_id in dispatching.due():
        dispatching.dispatch(endpoint_id, WAY, seconds=5)


def test_a_slow_endpoint_gives_others_their_turn_after_one_post(endpoint, receiver) -> None:
    kept = dispatching.Way(lambda *_: calling.Answer(200, "", took_ms=9000), MEANS)
    endpoint_id = dispatching.due()[0]
    packing.pack_test(endpoint)
    db.session.commit()

    dispatching.dispatch(endpoint_id, kept, seconds=60)

    assert dispatching.counts(endpoint) == {ParcelState.TAKEN: 1}
    assert dispatching.due() == [endpoint_id]


def pass_time(endpoint: Endpoint, **values) -> None:
    """Whatever waits for a time has waited."""
    db.session.execute(update(Parcel).values(next_try_at=clock.now() - timedelta(seconds=1)))
    db.session.execute(update(Endpoint).values(rests_until=None, **values))
    db.session.commit()


def parcel() -> Parcel:
    db.session.expire_all()
    return db.session.query(Parcel).one()


def test_all_happenings_come_in_one_signed_post_in_order(endpoint, receiver) -> None:
    dispatch()

    [got] = receiver.got
    headers = {name.lower(): value for name, value in got.headers.items()}
    keys = Keys(endpoint.secret)
    assert resend.is_authentic(got.body, headers, keys, clock.now())
    said = json.loads(got.body)["data"]
    assert [each["type"] for each in said] == ["copy.delivered", "copy.bounced", "email.finished"]
    assert said[1]["copy"]["address"] == "bo@x.test"
    assert (said[1]["copy"]["cause"], said[1]["copy"]["reply"]) == (
        "mailbox_missing",
        "550 <b>no</b>",
    )
    assert said[2]["email"]["counts"]["selected"] == 2
    assert (parcel().state, db.session.query(Happening).count()) == (ParcelState.TAKEN, 0)
    assert dispatching.due() == []


def test_many_go_out_in_several_posts(endpoint, receiver, monkeypatch) -> None:
    monkeypatch.setattr(packing, "MOST_HAPPENINGS", 2)
    dispatch()

    assert [len(json.loads(got.body)["data"]) for got in receiver.got] == [2, 1]


def test_what_failed_is_tried_again_with_the_same_id(endpoint, receiver) -> None:
    receiver.status, receiver.text = 503, b"later"
    dispatch()
    assert (parcel().state, parcel().tries) == (ParcelState.WAITING, 1)
    assert dispatching.due() == []  # it rests

    receiver.status = 200
    pass_time(endpoint)
    dispatch()

    first, second = (got.headers["webhook-id"] for got in receiver.got)
    assert first == second
    assert [(each.status, each.answer) for each in db.session.query(ParcelTry)] == [
        (503, "later"),
        (200, "later"),
    ]
    assert (endpoint.failures, endpoint.failing_since) == (0, None)


def test_after_the_last_try_it_has_failed_and_can_be_sent_again(endpoint, receiver) -> None:
    receiver.status = 500
    for _ in range(len(dispatching.WAITS) + 1):
        dispatch()
        pass_time(endpoint)
    assert parcel().state == ParcelState.FAILED
    assert len(receiver.got) == len(dispatching.WAITS) + 1

    receiver.status = 200
    assert dispatching.send_again(endpoint) == 1
    dispatch()

    assert parcel().state == ParcelState.TAKEN


@pytest.mark.parametrize(
    ("status", "failing_for", "reason"),
    [(410, timedelta(0), "410 Gone"), (500, timedelta(days=6), "Every try has failed")],
)
def test_it_is_switched_off_and_admins_are_told_once(
    endpoint, receiver, cast, status, failing_for, reason
) -> None:
    receiver.status = status
    pass_time(endpoint, failing_since=clock.now() - failing_for)
    for _ in range(2):
        dispatch()

    db.session.refresh(endpoint)
    assert endpoint.off_at
    assert reason in endpoint.off_reason
    assert [row.user_id for row in db.session.query(Tiding)] == [cast.alice.id]
    assert (parcel().state, len(receiver.got)) == (ParcelState.FAILED, 1)


def test_one_worker_is_at_it_and_a_dead_one_is_followed(endpoint, receiver) -> None:
    assert dispatching._take(endpoint.id, WAY.lease)
    assert dispatching.due() == []
    assert dispatching.dispatch(endpoint.id, WAY, seconds=5) == []

    pass_time(endpoint, busy_until=clock.now() - timedelta(seconds=1))
    dispatch()

    assert len(receiver.got) == 1


def test_after_a_change_of_secret_both_prove_it_for_two_days(endpoint, cast) -> None:
    old = endpoint.secret
    subscribing.change_secret(cast.workspace, endpoint, cast.alice)
    now = clock.now()

    assert dispatching.keys_of(endpoint, now) == [endpoint.secret, old]
    assert dispatching.keys_of(endpoint, now + timedelta(days=3)) == [endpoint.secret]


def test_of_an_email_that_is_gone_the_rest_is_still_told(endpoint, receiver) -> None:
    db.session.delete(db.session.query(BulkEmail).one())
    db.session.commit()
    dispatch()

    assert [each["type"] for each in json.loads(receiver.got[0].body)["data"]][
        0
    ] == "copy.delivered"


def test_old_parcels_are_forgotten(endpoint) -> None:
    dispatch()
    db.session.execute(update(Parcel).values(created_at=clock.now() - timedelta(days=8)))
    db.session.commit()
    dispatching.forget_old()

    assert db.session.query(Parcel).count() == db.session.query(ParcelTry).count() == 0
