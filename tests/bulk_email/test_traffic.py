"""Only the destination that complains is slowed down."""

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from tests import makers
from tests.smtp_server import SmtpServer
from webapp.bulk_email.models import Stage
from webapp.delivery.models import Destination, Pulse, Recipient
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.lib import clock

pytestmark = pytest.mark.database

PEOPLE = [(f"P{n}", f"p{n}@{'slow' if n % 4 == 0 else f'd{n % 4}'}.test") for n in range(200)]


def slow_says(reply: bytes):
    return lambda step, address: reply if step == "rcpt" and "slow" in address else None


@pytest.mark.parametrize("reply", [b"450 4.7.1 too many mails from you", b"421 4.3.2 too fast"])
def test_the_others_get_theirs_while_one_destination_rests(cast, reply: bytes) -> None:
    with SmtpServer(slow_says(reply)) as server:
        form = makers.make_form(cast.workspace, PEOPLE)
        bulk_email = makers.make_email(form, makers.make_connection(cast.workspace, server.port))
        makers.start(bulk_email)
        makers.draining.drain(makers.make_setting(group=8), 10)

    sent = Counter(address.partition("@")[2] for address in server.ledger.addresses)
    assert sent == {"d1.test": 50, "d2.test": 50, "d3.test": 50}
    slow = db.session.scalar(select(Destination))
    assert slow.name == "slow.test"
    assert slow.paused_until is not None
    assert bulk_email.stage == Stage.SENDING


def test_a_resting_destination_costs_its_copies_no_try(cast) -> None:
    with SmtpServer(slow_says(b"421 4.7.0 try again in 10 minutes")) as server:
        form = makers.make_form(cast.workspace, PEOPLE)
        bulk_email = makers.make_email(form, makers.make_connection(cast.workspace, server.port))
        makers.start(bulk_email)
        makers.draining.drain(makers.make_setting(group=8), 10)

    waiting = Counter(
        status for address, status in makers.statuses(bulk_email).items() if "slow" in address
    )
    assert waiting["retrying"] < 20
    assert waiting["queued"] + waiting["retrying"] == 50


def test_a_complaint_among_many_acceptances_slows_nobody(cast) -> None:
    def script(step: str, address: str):
        return b"421 4.3.2 busy" if step == "rcpt" and address[1:3] in ("30", "60", "99") else None

    people = [(f"P{n}", f"p{n}@x.test") for n in range(120)]
    with SmtpServer(script) as server:
        connection = makers.make_connection(cast.workspace, server.port, max_connections=1)
        bulk_email = makers.make_email(makers.make_form(cast.workspace, people), connection)
        makers.start(bulk_email)
        makers.draining.drain(makers.make_setting(group=8), 10)

    assert db.session.scalar(select(Destination)) is None
    assert Counter(makers.statuses(bulk_email).values()) == {"sent": 117, "retrying": 3}


def test_what_went_where_is_counted(cast) -> None:
    with SmtpServer(slow_says(b"550 5.1.1 unknown user")) as server:
        form = makers.make_form(cast.workspace, PEOPLE)
        makers.send(makers.make_email(form, makers.make_connection(cast.workspace, server.port)))

    counted = db.session.execute(
        select(func.sum(Pulse.accepted), func.sum(Pulse.refused), func.sum(Pulse.deferred))
    ).one()
    assert tuple(counted) == (150, 50, 0)


def test_a_mailbox_that_is_always_busy_slows_its_destination_once(cast) -> None:
    with SmtpServer(slow_says(b"421 4.3.2 busy")) as server:
        form = makers.make_form(cast.workspace, [("Slow", "p0@slow.test")])
        bulk_email = makers.make_email(form, makers.make_connection(cast.workspace, server.port))
        makers.start(bulk_email)
        setting = makers.make_setting()
        makers.draining.drain(setting, 1)
        heard_at = db.session.scalar(select(Destination.complained_at))
        db.session.execute(update(Destination).values(rate=None, paused_until=None))
        db.session.execute(update(Recipient).values(next_try_at=heard_at))
        db.session.commit()
        makers.draining.drain(setting, 1)

    assert db.session.scalar(select(Recipient.attempt_count)) == 2
    assert db.session.scalar(select(Destination.complained_at)) == heard_at


def test_what_was_put_off_goes_as_soon_as_its_destination_takes_mail_again(cast) -> None:
    now_says = [b"421 4.7.0 try again in 10 minutes"]
    with SmtpServer(lambda *asked: now_says and slow_says(now_says[0])(*asked) or None) as server:
        form = makers.make_form(cast.workspace, PEOPLE)
        bulk_email = makers.make_email(form, makers.make_connection(cast.workspace, server.port))
        makers.start(bulk_email)
        makers.draining.drain(makers.make_setting(group=8), 10)
        now_says.clear()
        over = clock.now() - timedelta(seconds=1)
        db.session.execute(update(Destination).values(paused_until=over, rate=150.0))
        first = select(func.min(Recipient.id)).where(Recipient.status == Status.QUEUED)
        db.session.execute(
            update(Recipient)
            .where(Recipient.id == first.scalar_subquery())
            .values(next_try_at=over)
        )
        db.session.commit()
        makers.draining.drain(makers.make_setting(group=8), 10)

    assert Counter(makers.statuses(bulk_email).values())["queued"] == 0
