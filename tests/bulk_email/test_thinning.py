"""Old pulses are summed up to minutes, once."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from tests import makers
from webapp.bulk_email import thinning, watching
from webapp.bulk_email.models import Stage
from webapp.delivery.models import Pulse
from webapp.extensions import db
from webapp.lib import clock

pytestmark = pytest.mark.database
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def email(cast):
    form = makers.make_form(cast.workspace, [("Ann", "ann@x.test")])
    made = makers.make_email(form, makers.make_connection(cast.workspace))
    made.stage, made.finished_at = Stage.FINISHED, clock.now() - timedelta(days=8)
    for seconds in range(0, 120, 10):
        for name in ("Google", ""):
            at = AT + timedelta(seconds=seconds)
            db.session.add(Pulse(bulk_email_id=made.id, at=at, destination=name, accepted=5))
    db.session.commit()
    return made


def pulses() -> list[tuple]:
    columns = (Pulse.at, Pulse.destination, Pulse.accepted)
    return [tuple(row) for row in db.session.execute(select(*columns).order_by(*columns))]


def test_a_week_after_the_end_minutes_are_kept(email) -> None:
    assert thinning.thin_some() == 1
    later = AT + timedelta(minutes=1)

    assert pulses() == [(AT, "", 30), (AT, "Google", 30), (later, "", 30), (later, "Google", 30)]
    assert thinning.thin_some() == 0


def test_the_plot_shows_the_same_rate_as_before(email) -> None:
    before = watching.traffic(email).plot
    thinning.thin_some()
    after = watching.traffic(email).plot

    assert {slot.rate for slot in before.slots} == {slot.rate for slot in after.slots} == {1.0}


@pytest.mark.parametrize(
    "values",
    [{"stage": Stage.SENDING}, {"finished_at": clock.now() - timedelta(days=6)}],
)
def test_what_is_sent_or_young_is_left_alone(email, values) -> None:
    for name, value in values.items():
        setattr(email, name, value)
    db.session.commit()

    assert thinning.thin_some() == 0
    assert len(pulses()) == 24


def test_what_has_gone_on_since_is_thinned_again(email) -> None:
    thinning.thin_some()
    email.pulses_thinned_at = email.finished_at - timedelta(days=1)
    db.session.commit()

    assert thinning.thin_some() == 1
