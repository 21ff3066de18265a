"""What comes back: matched, stored once, raised; in any order and however often."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from tests import makers
from webapp.bulk_email import sending
from webapp.delivery import recomputing, recording, tokens
from webapp.delivery.models import Event, Recipient, Suppression
from webapp.delivery.recording import Said
from webapp.extensions import db
from webapp.mail.causes import Cause
from webapp.mail.reports import Report, ReportKind

pytestmark = pytest.mark.database
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
KINDS = [
    ReportKind.PROCESSED,
    ReportKind.DEFERRED,
    ReportKind.DELIVERED,
    ReportKind.BOUNCED_SOFT,
    ReportKind.OPENED,
]


@pytest.fixture
def bulk_email(cast):
    form = makers.make_form(cast.workspace, [("Ann", "ann@x.test"), ("Bo", "bo@x.test")])
    made = makers.make_email(form, makers.make_connection(cast.workspace))
    makers.start(made)
    return made


def copies(bulk_email) -> list[Recipient]:
    return list(db.session.scalars(select(Recipient).order_by(Recipient.id)))


def say(copy: Recipient, kind: ReportKind, at: datetime = NOON, **values) -> Said:
    token = values.pop("token", tokens.copy_token(makers.TOKEN_KEY, copy.id))
    report = Report(kind, token, values.pop("address", copy.address), at, **values)
    workspace_id = copy.workspace_id
    return Said(report, None, 0, copy.connection_id, workspace_id, NOON + timedelta(minutes=1))


def record(*said: Said) -> list[Said]:
    unmatched = recording.record(said, makers.TOKEN_KEY)
    db.session.commit()
    db.session.expire_all()
    return unmatched


@pytest.mark.parametrize("order", list(itertools.permutations(KINDS))[::7])
def test_five_events_in_any_order_end_alike(bulk_email, order) -> None:
    ann = copies(bulk_email)[0]

    for kind in order:
        record(say(ann, kind))

    assert ann.status == "delivered"
    assert ann.open_count == 1
    assert recomputing.computed([ann.id]) == {ann.id: ann.status}
    assert makers.books(bulk_email).delivered == 1


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.sampled_from([*KINDS, ReportKind.BOUNCED, "again", "sent"]), max_size=8))
def test_events_and_commands_agree_with_recomputation(bulk_email, steps) -> None:
    ann, bo = copies(bulk_email)
    for minute, step in enumerate(steps):
        if step == "again":
            sending.send_again(bulk_email, [bo.id], None)
        elif step == "sent":
            sending.mark_as_sent(bulk_email, [bo.id], None)
        else:
            record(say(bo, step, NOON + timedelta(seconds=minute)))

    db.session.expire_all()
    ids = [ann.id, bo.id]
    assert recomputing.computed(ids) == {copy.id: copy.status for copy in copies(bulk_email)}
    assert makers.books(bulk_email).selected == 2


def test_the_same_event_again_changes_nothing(bulk_email) -> None:
    ann = copies(bulk_email)[0]
    said = say(ann, ReportKind.OPENED)

    for _ in range(50):
        record(said, said)

    assert db.session.scalar(select(func.count()).select_from(Event)) == 1
    assert ann.open_count == 1


def test_a_bounce_after_delivery_is_shown_as_conflicting(bulk_email) -> None:
    ann = copies(bulk_email)[0]

    record(say(ann, ReportKind.DELIVERED))
    record(say(ann, ReportKind.BOUNCED, cause=Cause.MAILBOX_MISSING))

    assert (ann.status, ann.is_conflicting) == ("bounced", True)


def test_a_match_by_address_is_a_note_and_suppresses_nobody(bulk_email) -> None:
    ann = copies(bulk_email)[0]
    ann.first_tried_at = NOON

    record(say(ann, ReportKind.BOUNCED, token=None, cause=Cause.MAILBOX_MISSING))

    event = db.session.scalar(select(Event))
    assert (event.matched_by, event.is_conflict) == ("address", True)
    assert ann.status == "queued"
    assert db.session.scalar(select(Suppression)) is None


@pytest.mark.parametrize(("after", "is_found"), [(-8 * 24, False), (-1, True), (1, False)])
def test_by_address_it_speaks_of_what_left_before_it_came(bulk_email, after, is_found) -> None:
    ann = copies(bulk_email)[0]
    ann.first_tried_at = NOON + timedelta(hours=after)

    unmatched = record(say(ann, ReportKind.BOUNCED, token=None))
    assert (unmatched == []) is is_found


def test_another_workspace_cannot_speak_of_our_copies(bulk_email, cast) -> None:
    ann = copies(bulk_email)[0]
    said = say(ann, ReportKind.BOUNCED)
    stranger = Said(said.report, None, 0, None, cast.workspace.id + 1, NOON)

    assert record(stranger) == [stranger]
    assert ann.status == "queued"


@pytest.mark.parametrize(
    ("kind", "cause", "suppressed"),
    [
        (ReportKind.BOUNCED, Cause.MAILBOX_MISSING, Cause.MAILBOX_MISSING),
        (ReportKind.BOUNCED, Cause.BLOCKED_CONTENT, None),
        (ReportKind.BOUNCED_SOFT, Cause.MAILBOX_MISSING, None),
        (ReportKind.COMPLAINED, None, Cause.COMPLAINED),
        (ReportKind.UNSUBSCRIBED, None, Cause.UNSUBSCRIBED),
        (ReportKind.DELIVERED, None, None),
    ],
)
def test_only_the_precise_rule_suppresses(bulk_email, kind, cause, suppressed) -> None:
    record(say(copies(bulk_email)[0], kind, cause=cause))

    found = db.session.scalar(select(Suppression.cause))
    assert found == suppressed


@pytest.mark.parametrize("at", [None, datetime(1970, 1, 1, tzinfo=UTC), NOON + timedelta(days=3)])
def test_a_time_that_cannot_be_is_the_time_of_arrival(bulk_email, at) -> None:
    record(say(copies(bulk_email)[0], ReportKind.DELIVERED, at))

    assert db.session.scalar(select(Event)).happened_at == NOON + timedelta(minutes=1)
