"""Deferred events of the provider slow a destination down, and that one only."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from tests import makers
from webapp.delivery import recording, slowing, tokens
from webapp.delivery.models import Destination, Pulse, Recipient
from webapp.delivery.recording import Said
from webapp.extensions import db
from webapp.lib import clock
from webapp.mail.causes import Cause
from webapp.mail.reports import Report, ReportKind

pytestmark = pytest.mark.database
TOO_FAST = "421 4.7.28 Unusual rate of mail from your address"


@pytest.fixture
def bulk_email(cast):
    people = [(f"P{n}", f"p{n}@{'slow' if n < 4 else 'other'}.test") for n in range(6)]
    made = makers.make_email(
        makers.make_form(cast.workspace, people), makers.make_connection(cast.workspace)
    )
    makers.start(made)
    db.session.query(Recipient).update({"connection_id": made.connection_id})
    db.session.commit()
    return made


def hear(copies, kind=ReportKind.DEFERRED, reply=TOO_FAST, ago=0, **values) -> None:
    """The provider says that of these copies, in one batch, `ago` seconds ago."""
    at = clock.now() - timedelta(seconds=ago)
    recording.record(
        [
            Said(
                Report(
                    kind, tokens.copy_token(makers.TOKEN_KEY, copy.id), copy.address, at,
                    reply=reply, **values,
                ),
                None, 0, copy.connection_id, copy.workspace_id, at,
            )
            for copy in copies
        ],
        makers.TOKEN_KEY,
    )  # fmt: skip
    db.session.commit()
    db.session.expire_all()


def copies_to(domain: str) -> list[Recipient]:
    return list(
        db.session.scalars(select(Recipient).where(Recipient.address.endswith("@" + domain)))
    )


def test_many_events_of_a_batch_are_one_complaint(bulk_email) -> None:
    db.session.add(
        Pulse(bulk_email_id=bulk_email.id, at=clock.now(), destination="slow.test", accepted=400)
    )
    hear(copies_to("slow.test"))
    paces = slowing.paces(bulk_email.connection_id)

    assert list(paces) == ["slow.test"]
    assert (paces["slow.test"].rate, paces["slow.test"].complaints) == (20, 1)


def test_where_the_pace_is_not_known_a_sensible_one_is_halved(bulk_email) -> None:
    hear(copies_to("slow.test"), reply="Too many messages", cause=Cause.TOO_FAST)

    assert slowing.paces(bulk_email.connection_id)["slow.test"].rate == 5


def test_events_that_trail_behind_do_not_punish_twice(bulk_email) -> None:
    for copy in copies_to("slow.test"):
        hear([copy])
    pace = slowing.paces(bulk_email.connection_id)["slow.test"]

    assert (pace.complaints, pace.rate, pace.paused_until) == (1, 5, None)


def test_a_wait_that_is_asked_for_is_obeyed(bulk_email) -> None:
    hear(copies_to("slow.test"), reply="421 4.7.0 Try again in 10 minutes")
    pace = slowing.paces(bulk_email.connection_id)["slow.test"]

    assert pace.paused_until > clock.now() + timedelta(minutes=9)


@pytest.mark.parametrize(
    "said",
    [
        {"reply": "452 4.2.2 Mailbox full", "cause": Cause.MAILBOX_FULL},
        {"reply": "451 4.7.1 Greylisting in action", "cause": Cause.GREYLISTED},
        {"kind": ReportKind.BOUNCED_SOFT},
        {"ago": 3600},
    ],
)
def test_what_is_no_complaint_of_now_changes_nothing(bulk_email, said) -> None:
    hear(copies_to("slow.test"), **said)

    assert db.session.scalar(select(func.count()).select_from(Destination)) == 0


def test_an_event_told_twice_is_heeded_once(bulk_email) -> None:
    copy = copies_to("slow.test")[0]
    token = tokens.copy_token(makers.TOKEN_KEY, copy.id)
    at = clock.now()
    report = Report(ReportKind.DEFERRED, token, copy.address, at, reply=TOO_FAST)
    said = Said(report, None, 0, copy.connection_id, copy.workspace_id, at)
    recording.record([said], makers.TOKEN_KEY)
    row = db.session.scalar(select(Destination))
    row.complained_at = at - timedelta(hours=1)
    db.session.commit()
    recording.record([said], makers.TOKEN_KEY)

    assert row.complaints == 1
