"""Stored Arrivals read again: told before it is done, done once, and what people said is kept."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from tests import makers
from tests.email_tracker.posting import about, digest, post
from webapp import providers
from webapp.delivery import suppressing
from webapp.delivery.models import Arrival, Event, ParkedReport, Suppression
from webapp.delivery.revising import Revision
from webapp.delivery.statuses import Status
from webapp.email_tracker import replaying
from webapp.extensions import db
from webapp.mail.causes import Cause
from webapp.mail.reports import Report, ReportKind
from webapp.providers.contract import Unreadable

pytestmark = pytest.mark.database
SANDBOX = providers.BY_NAME["sandbox"]
BOUNCED = {"event": "bounced", "smtp": "550 5.1.1 No such user"}


def mended(change: Callable[[Report], Report]) -> dict:
    """Providers whose parser now says something else."""
    parse = lambda body, headers: [change(each) for each in SANDBOX.parse(body, headers)]  # noqa: E731
    return {"sandbox": replace(SANDBOX, parse=parse)}


def broken(body: bytes, headers: dict) -> list:
    raise Unreadable("No more")


def replay(app, readers: dict, *, apply: bool = True) -> Revision:
    total, last = Revision(), 0
    while last is not None:
        revision, last = replaying.replay_some(
            readers, app.config["TOKEN_KEY"], after=last, apply=apply
        )
        total += revision
    db.session.expire_all()
    return total


@pytest.fixture
def bounced(app, client, connection, copy):
    """A copy of which a bounce has come in."""
    post(client, connection, about(app, copy, **BOUNCED))
    digest(app)
    assert copy.status is Status.BOUNCED
    return copy


as_delay = mended(lambda report: report._replace(kind=ReportKind.DEFERRED, cause=Cause.TOO_FAST))


def events() -> list[str]:
    return db.session.scalars(select(Event.kind).where(Event.superseded_at.is_(None))).all()


def test_read_as_before_nothing_changes(app, bounced) -> None:
    revision = replay(app, providers.READERS)

    assert (revision.arrivals, revision.is_empty) == (1, True)
    assert bounced.status is Status.BOUNCED


def test_a_dry_run_tells_everything_and_changes_nothing(app, cast, bounced) -> None:
    told = replay(app, as_delay, apply=False)

    assert (dict(told.added), dict(told.gone)) == ({"deferred": 1}, {"bounced": 1})
    assert dict(told.statuses) == {(Status.BOUNCED, Status.DEFERRED): 1}
    assert (told.lifted, told.examples) == (1, ["ann@x.test: bounced → deferred"])
    assert (bounced.status, events()) == (Status.BOUNCED, ["bounced"])
    assert makers.suppressed_addresses(cast.workspace) == ["ann@x.test"]


def test_applied_the_status_falls_and_the_books_and_suppressions_follow(app, cast, bounced) -> None:
    told = replay(app, as_delay, apply=False)
    done = replay(app, as_delay)

    assert done == told
    assert (bounced.status, bounced.cause) == (Status.DEFERRED, "too_fast")
    assert makers.suppressed_addresses(cast.workspace) == []
    assert makers.books(db.session.get(makers.BulkEmail, bounced.bulk_email_id)).still_trying == 1


def test_done_twice_it_is_done_once(app, bounced) -> None:
    replay(app, as_delay)

    assert replay(app, as_delay).is_empty
    assert events() == ["deferred"]
    assert db.session.scalar(select(func.count(Event.id))) == 2  # one of them superseded


def test_back_again_all_is_as_it_was(app, cast, bounced) -> None:
    replay(app, as_delay)
    replay(app, providers.READERS)

    assert (bounced.status, bounced.cause) == (Status.BOUNCED, "mailbox_missing")
    assert events() == ["bounced"]
    assert makers.suppressed_addresses(cast.workspace) == ["ann@x.test"]


def test_the_same_event_with_another_cause_is_changed_not_doubled(app, cast, bounced) -> None:
    changed = replay(app, mended(lambda report: report._replace(cause=Cause.MAILBOX_FULL)))

    assert (dict(changed.changed), changed.added, changed.gone) == ({"bounced": 1}, {}, {})
    assert (bounced.status, bounced.cause, events()) == (
        Status.BOUNCED, "mailbox_full", ["bounced"],
    )  # fmt: skip
    assert makers.suppressed_addresses(cast.workspace) == []


@pytest.mark.parametrize("chunk", [1, 200])
def test_a_repeat_in_another_arrival_stays_one_event(
    app, client, connection, bounced, monkeypatch, chunk
) -> None:
    monkeypatch.setattr(replaying, "CHUNK", chunk)
    post(client, connection, about(app, bounced, **BOUNCED, id="2") + b" ")
    digest(app)

    assert replay(app, providers.READERS).is_empty
    assert replay(app, as_delay).added == {"deferred": 1}
    assert events() == ["deferred"]


def test_what_could_not_be_read_is_taken_up(app, client, connection, copy) -> None:
    post(client, connection, about(app, copy))
    db.session.scalar(select(Arrival)).stage = "unreadable"
    db.session.commit()

    revision = replay(app, providers.READERS)
    assert (revision.read_again, dict(revision.added)) == (1, {"delivered": 1})
    assert (copy.status, db.session.scalar(select(Arrival.stage))) == ("delivered", "digested")


def test_what_cannot_be_read_any_more_stays_understood(app, bounced) -> None:
    revision = replay(app, {"sandbox": replace(SANDBOX, parse=broken)})

    assert (revision.unreadable, revision.is_empty) == (1, True)
    assert bounced.status is Status.BOUNCED


def test_a_parked_report_that_finds_its_copy_leaves_the_tray(app, client, connection, copy) -> None:
    post(client, connection, about(app, copy, token="strange"))
    digest(app)
    assert db.session.scalar(select(func.count(ParkedReport.id))) == 1
    token = SANDBOX.parse(about(app, copy), {})[0].token

    revision = replay(app, mended(lambda report: report._replace(token=token)))
    assert (revision.unparked, revision.parked) == (1, 0)
    assert copy.status is Status.DELIVERED
    assert db.session.scalar(select(func.count(ParkedReport.id))) == 0


def test_what_a_person_lifted_is_not_suppressed_again(app, cast, bounced) -> None:
    suppressing.lift(db.session.scalar(select(Suppression)), cast.alice.id, "It works again")
    db.session.commit()
    replay(app, as_delay)
    revision = replay(app, providers.READERS)

    assert (bounced.status, revision.suppressed) == (Status.BOUNCED, 0)
    assert makers.suppressed_addresses(cast.workspace) == []


def test_chunks_add_up_and_may_begin_anywhere(app, client, connection, copy, monkeypatch) -> None:
    for number in range(5):
        post(
            client,
            connection,
            about(app, copy, id=str(number), at=f"2026-03-0{number + 1}T12:00:00Z"),
        )
    digest(app)
    monkeypatch.setattr(replaying, "CHUNK", 2)
    key = app.config["TOKEN_KEY"]
    _, last = replaying.replay_some(as_delay, key, after=0, apply=True)
    assert events().count("deferred") == 2

    assert replay(app, as_delay).added == {"deferred": 3}
    assert replaying.replay_some(as_delay, key, after=last + 10, apply=True)[1] is None
