"""Across emails: what arrived, who refuses more than before, who bounces again, suppressions."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from tests import makers
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.delivery import raising, suppressing, tallying
from webapp.delivery.models import Recipient, Suppression
from webapp.delivery.models_insight import Insight, WorkspaceInsight
from webapp.delivery.statuses import Status
from webapp.email_tracker import bouncing, summing_up, surveying
from webapp.email_tracker.bouncing import Week
from webapp.email_tracker.comparing import Turn
from webapp.extensions import db
from webapp.lib import clock
from webapp.mail.causes import Cause

pytestmark = pytest.mark.database
GOOD, BAD = Status.DELIVERED, Status.BOUNCED


@pytest.fixture
def form(cast):
    rows = [(f"P{number}", f"p{number}@bad.test") for number in range(4)]
    return makers.make_form(cast.workspace, [*rows, ("Zoe", "zoe@good.test")])


@pytest.fixture
def send(cast, form):
    """send(how many at bad.test bounce, …values): an email of which all else is delivered."""
    connection = makers.make_connection(cast.workspace)

    def send(bouncing: int, **values) -> BulkEmail:
        email = makers.make_email(form, connection, cast.alice, **values)
        makers.start(email)
        copies = db.session.query(Recipient).filter_by(bulk_email_id=email.id)
        ids = [copy.id for copy in copies.order_by(Recipient.id)]
        raising.raise_statuses(
            raising.Change(each, BAD, Cause.MAILBOX_FULL)
            if place < bouncing
            else raising.Change(each, GOOD)
            for place, each in enumerate(ids)
        )
        db.session.commit()
        return email

    return send


def survey(cast) -> surveying.Survey:
    surveying.count(cast.workspace.id)
    found, is_current = surveying.survey(cast.workspace)
    assert is_current
    return found


def test_the_trend_is_the_emails_themselves_newest_first(cast, send) -> None:
    first, second = send(0), send(3)
    again, cancelled = send(4), send(4)
    again.parent_id, cancelled.stage = first.id, Stage.CANCELLED
    makers.make_email(first.form, first.connection)  # a draft
    db.session.commit()

    found = surveying.trend(cast.workspace)
    assert [each.bulk_email.id for each in found] == [second.id, first.id]
    assert [(each.lost, each.open, each.share(each.lost)) for each in found] == [
        (3, 0, 60),
        (0, 0, 0),
    ]


def test_a_double_is_nobody_who_went_without(cast) -> None:
    form = makers.make_form(cast.workspace, [("Ann", "ann@good.test"), ("Ann L.", "ann@good.test")])
    makers.start(makers.make_email(form, makers.make_connection(cast.workspace), cast.alice))

    [found] = surveying.trend(cast.workspace)
    assert found.books.selected == 2
    assert (found.people, found.lost, found.open) == (1, 0, 1)


def test_a_provider_that_turns_bad_is_seen(cast, send) -> None:
    send(0)
    send(3)

    found = survey(cast)
    assert (found.looked_at, found.recent) == (2, 1)
    assert found.turns == [Turn("bad.test", 4, 3, 4, 0)]
    assert found.turns[0].is_worse


@pytest.mark.parametrize(
    ("turn", "is_worse"),
    [
        (Turn("", 100, 10, 100, 5), True),
        (Turn("", 100, 10, 100, 6), False),  # less than twice
        (Turn("", 100, 6, 100, 2), False),  # less than five points
        (Turn("", 4, 2, 4, 0), False),  # two people
        (Turn("", 10, 5, 0, 0), True),  # never written to before
    ],
)
def test_worse_is_three_copies_twice_the_share_and_five_points(turn, is_worse) -> None:
    assert turn.is_worse == is_worse


def test_who_bounced_once_is_not_named(cast, send) -> None:
    first = send(2)
    send(1)
    send(1).parent_id = first.id
    db.session.commit()

    (found,) = survey(cast).bouncing
    assert (found.name, found.address) == ("P0", "p0@bad.test")
    assert found.times == 2  # an email and its sending again are one
    assert (found.status, found.cause) == (BAD, Cause.MAILBOX_FULL)


def test_another_workspace_is_not_looked_at(cast, send) -> None:
    send(4)
    send(4)
    elsewhere = cast.charlie.members[0].workspace
    surveying.count(elsewhere.id)

    found, _ = surveying.survey(elsewhere)
    assert (found.looked_at, found.turns, found.bouncing) == (0, [], [])


def test_suppressions_add_up_week_by_week(cast) -> None:
    entries = [suppressing.Entry(f"s{each}@x.test", Cause.SUPPRESSED) for each in range(4)]
    suppressing.suppress(cast.workspace.id, entries)
    old, week_old, lifted, _ = db.session.query(Suppression).order_by(Suppression.address)
    now = clock.now()
    old.created_at = now - timedelta(days=400)
    week_old.created_at = now - timedelta(days=9)
    lifted.created_at, lifted.lifted_at = now - timedelta(days=9), now - timedelta(hours=1)
    db.session.commit()

    weeks = survey(cast).weeks
    assert [(week.added, week.lifted, week.active) for week in weeks[-3:]] == [
        (0, 0, 1),
        (2, 0, 3),
        (1, 1, 3),
    ]
    assert len(weeks) == bouncing.WEEKS
    assert isinstance(weeks[0], Week)


def test_it_is_counted_again_when_something_is_new_but_not_at_once(cast, send) -> None:
    email = send(0)
    assert surveying.survey(cast.workspace) == (None, False)
    assert surveying.count(cast.workspace.id)
    assert not surveying.count(cast.workspace.id)  # nothing is new

    db.session.execute(update(WorkspaceInsight).values(took=60_000))
    tallying.touch(email.id)
    db.session.commit()
    assert not surveying.survey(cast.workspace)[1]
    assert not surveying.count(cast.workspace.id)  # counting took long, so it rests long

    db.session.execute(update(WorkspaceInsight).values(took=0))
    db.session.commit()
    assert surveying.count(cast.workspace.id)


def test_a_large_email_is_counted_once_and_kept(cast, send, monkeypatch) -> None:
    monkeypatch.setattr(summing_up, "COUNTED_AT_ONCE", 3)
    send(0)
    email = send(3)

    assert survey(cast).turns == [Turn("bad.test", 4, 3, 4, 0)]
    assert db.session.get(Insight, email.id).data["destinations"][0] == ["bad.test", 4, 3]


def test_what_an_older_version_counted_is_counted_again(cast, send, monkeypatch) -> None:
    monkeypatch.setattr(summing_up, "COUNTED_AT_ONCE", 3)
    email = send(3)
    summing_up.count(email.id)
    kept = db.session.get(Insight, email.id)
    kept.data = {key: value for key, value in kept.data.items() if key != "destinations"}
    kept.took = 0
    db.session.commit()

    assert summing_up.count(email.id)
    assert "destinations" in db.session.get(Insight, email.id).data
