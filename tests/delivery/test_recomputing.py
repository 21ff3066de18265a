"""Statuses from the rows alone: the proof of the quick way, and the mend after a mistake."""

import pytest
from sqlalchemy import select, update

from tests import makers
from tests.delivery.test_recording import record, say
from webapp.bulk_email.models import BulkEmail
from webapp.delivery import recomputing
from webapp.delivery.models import Event, Recipient
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.lib import clock
from webapp.mail.reports import ReportKind

pytestmark = pytest.mark.database


@pytest.fixture
def copies(cast) -> list[Recipient]:
    form = makers.make_form(cast.workspace, [("Ann", "ann@x.test"), ("Bo", "bo@x.test")])
    makers.start(makers.make_email(form, makers.make_connection(cast.workspace)))
    return list(db.session.scalars(select(Recipient).order_by(Recipient.id)))


def recompute(copies: list[Recipient]) -> int:
    changed = recomputing.recompute([copy.id for copy in copies])
    db.session.commit()
    db.session.expire_all()
    return changed


def test_where_all_is_well_nothing_changes(copies) -> None:
    record(say(copies[0], ReportKind.DELIVERED))

    assert recompute(copies) == 0


def test_a_wrong_status_is_mended_and_the_books_with_it(copies) -> None:
    record(say(copies[0], ReportKind.DELIVERED))
    db.session.execute(update(Recipient).values(status=Status.BOUNCED))

    assert recompute(copies) == 2
    assert [copy.status for copy in copies] == [Status.DELIVERED, Status.QUEUED]
    assert makers.books(db.session.scalar(select(BulkEmail))).selected == 2


def test_a_superseded_event_no_longer_counts(copies) -> None:
    record(say(copies[0], ReportKind.DELIVERED), say(copies[0], ReportKind.PROCESSED))
    db.session.execute(
        update(Event).where(Event.kind == ReportKind.DELIVERED).values(superseded_at=clock.now())
    )

    assert recompute(copies) == 1
    assert copies[0].status is Status.SENT
    assert makers.books(db.session.scalar(select(BulkEmail))).delivered == 0
