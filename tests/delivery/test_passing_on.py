"""Other systems hear of each happening once, and without them nothing is written."""

import pytest
from sqlalchemy import event

from tests import makers
from webapp.bulk_email import subscribing
from webapp.delivery import passing_on, raising
from webapp.delivery.models import Recipient
from webapp.delivery.models_endpoints import Endpoint, Happening, HappeningKind
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.mail.causes import Cause

pytestmark = pytest.mark.database


@pytest.fixture
def ids(cast) -> list[int]:
    form = makers.make_form(cast.workspace, [("Ann", "ann@x.test"), ("Bo", "bo@x.test")])
    makers.start(makers.make_email(form, makers.make_connection(cast.workspace)))
    return list(db.session.scalars(db.select(Recipient.id).order_by(Recipient.id)))


def subscribe(workspace, user, *kinds: str) -> Endpoint:
    made = subscribing.add(workspace, "https://x.test/", kinds or HappeningKind, user)
    assert made
    return made


def rise(ids: list[int], *statuses: Status) -> None:
    raising.raise_statuses(
        raising.Change(*pair, Cause.UNKNOWN) for pair in zip(ids, statuses, strict=True)
    )
    db.session.commit()


def noted() -> list[tuple]:
    rows = db.session.query(Happening).order_by(Happening.id)
    return [(row.endpoint_id, row.kind, row.recipient_id) for row in rows]


def test_what_rises_is_noted_for_those_who_want_it(cast, ids) -> None:
    all_of_it = subscribe(cast.workspace, cast.alice)
    bounces = subscribe(cast.workspace, cast.alice, "copy.bounced")
    elsewhere = cast.charlie.members[0].workspace
    subscribe(elsewhere, cast.charlie)

    rise(ids, Status.DELIVERED, Status.BOUNCED_SOFT)

    assert sorted(noted()) == [
        (all_of_it.id, "copy.bounced", ids[1]),
        (all_of_it.id, "copy.delivered", ids[0]),
        (bounces.id, "copy.bounced", ids[1]),
    ]


def test_each_way_of_not_being_sent_is_told(cast, ids) -> None:
    subscribe(cast.workspace, cast.alice)
    rise(ids, Status.RETRYING, Status.WITHHELD)
    rise(ids, Status.DEFERRED, Status.DROPPED)

    kinds = [(kind, ids.index(copy)) for _, kind, copy in noted()]
    assert kinds == [
        ("copy.deferred", 0), ("copy.dropped", 1), ("copy.deferred", 0), ("copy.dropped", 1),
    ]  # fmt: skip


def test_who_is_not_sent_from_the_start_is_told(cast) -> None:
    subscribe(cast.workspace, cast.alice)
    people = [("Ann", "ann@x.test"), ("Ann again", "ann@x.test"), ("Bo", "nowhere")]
    form = makers.make_form(cast.workspace, people)
    makers.start(makers.make_email(form, makers.make_connection(cast.workspace)))

    _, ann, bo = db.session.scalars(db.select(Recipient.id).order_by(Recipient.id))
    told = sorted((kind, copy) for _, kind, copy in noted())
    assert told == [("copy.dropped", ann), ("copy.failed", bo)]


def test_what_is_repeated_or_below_is_not_noted(cast, ids) -> None:
    subscribe(cast.workspace, cast.alice)
    for _ in range(2):
        rise(ids, Status.DELIVERED, Status.SENT)

    assert len(noted()) == 1


def test_what_is_rolled_back_has_not_happened(cast, ids) -> None:
    subscribe(cast.workspace, cast.alice)
    raising.raise_statuses([raising.Change(ids[0], Status.DELIVERED)])
    db.session.rollback()

    assert noted() == []


def test_whoever_is_switched_off_is_noted_nothing(cast, ids) -> None:
    endpoint = subscribe(cast.workspace, cast.alice)
    subscribing.switch(cast.workspace, endpoint, cast.alice, on=False)
    rise(ids, Status.DELIVERED, Status.DELIVERED)

    assert noted() == []


def test_without_endpoints_a_look_is_all_it_costs(cast, ids) -> None:
    said = []
    note = lambda *words: said.append(words[2])  # noqa: E731
    event.listen(db.engine, "before_cursor_execute", note)
    passing_on.note_risen([(ids[0], Status.DELIVERED), (ids[1], Status.DELIVERED)])
    passing_on.note_risen([(ids[0], Status.SENT)])
    event.remove(db.engine, "before_cursor_execute", note)

    assert len(said) == 1
