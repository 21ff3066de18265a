"""A mail that came back becomes an Arrival, once, and moves its copy."""

import pytest
from sqlalchemy import func, select

from tests import makers
from tests.email_tracker.returned import bounce
from webapp import providers
from webapp.delivery import returning
from webapp.delivery.models import Arrival, Connection, Event, ParkedReport, Recipient
from webapp.delivery.statuses import Status
from webapp.email_tracker import digesting, taking_in
from webapp.email_tracker.intake import Received
from webapp.extensions import db
from webapp.mail.letters import MAX_RAW

pytestmark = pytest.mark.database


@pytest.fixture
def come_back(app, connection: Connection):
    def take(raw: bytes, envelope_to: str = "") -> Received:
        found = taking_in.take_in(connection, raw, envelope_to)
        while digesting.digest_some(providers.READERS, app.config["TOKEN_KEY"]):
            pass
        db.session.expire_all()
        return found

    return take


def test_a_bounce_to_the_return_path_bounces_the_copy_and_suppresses(
    come_back, copy: Recipient, return_path: str, cast
):
    assert come_back(bounce(), return_path) is Received.STORED
    assert (copy.status, copy.cause) == (Status.BOUNCED, "mailbox_missing")
    assert copy.reply == "550 5.1.1 User unknown"
    assert makers.suppressed_addresses(cast.workspace) == ["ann@x.test"]


def test_the_same_mail_is_taken_once_whatever_servers_wrote_on_top(
    come_back, copy: Recipient, return_path: str
):
    come_back(bounce(), return_path)
    again = b"Received: from another.test; Mon, 2 Mar 2026 09:00:00 +0000\r\n" + bounce()
    assert come_back(again) is Received.REPEATED
    assert db.session.scalar(select(func.count(Event.id))) == 1


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"action": "delayed", "status": "4.4.1", "said": "timed out"}, Status.DEFERRED),
        ({"action": "delivered", "status": "2.0.0", "said": "250 ok"}, Status.DELIVERED),
        ({"status": "4.2.2", "said": "452 4.2.2 mailbox full"}, Status.BOUNCED_SOFT),
    ],
)
def test_other_notices_raise_as_they_say(
    come_back, copy: Recipient, return_path: str, values: dict, status: Status, cast
):
    come_back(bounce(**values), return_path)
    assert copy.status is status
    assert makers.suppressed_addresses(cast.workspace) == []


def test_a_notice_about_somebody_else_is_a_note_and_no_more(
    come_back, copy: Recipient, return_path: str, cast
):
    """Ann forwards her mail to a mailbox that is gone: Ann is not."""
    come_back(bounce(recipient="bob@elsewhere.test"), return_path)
    event = db.session.scalar(select(Event))
    assert (event.is_conflict, event.recipient_id) == (True, copy.id)
    assert copy.status is Status.QUEUED
    assert makers.suppressed_addresses(cast.workspace) == []


def test_without_a_token_the_address_is_a_hint_and_no_proof(come_back, copy: Recipient, cast):
    copy.first_tried_at = copy.created_at
    db.session.commit()
    come_back(bounce())
    event = db.session.scalar(select(Event))
    assert (event.is_conflict, event.matched_by) == (True, "address")
    assert copy.status is Status.QUEUED
    assert makers.suppressed_addresses(cast.workspace) == []


def test_mail_that_is_no_notice_is_kept_for_a_person_to_look_at(come_back, connection: Connection):
    come_back(b"From: carl@x.test\nSubject: hello\n\nWhat is this?\n")
    assert db.session.scalar(select(ParkedReport)).report["kind"] == "unknown"


def test_of_a_giant_only_the_beginning_is_kept(come_back, copy: Recipient, return_path: str):
    come_back(bounce() + b"x" * (MAX_RAW + 5), return_path)
    assert len(db.session.scalar(select(Arrival)).body) == MAX_RAW
    assert copy.status is Status.BOUNCED


def test_a_return_path_leads_to_its_connection(
    app, copy: Recipient, return_path: str, connection: Connection
):
    key = app.config["TOKEN_KEY"]
    for address in (return_path, return_path.upper(), "bounces@acme.test"):
        assert returning.connection_of(address, key) == connection
    wrong = return_path.replace("bounces+1-", "bounces+2-")
    assert (
        returning.connection_of(wrong, key) == connection
    )  # by its address; the token is nobody's
    assert returning.connection_of("other@acme.test", key) is None
    assert returning.bounce_address(connection.id) == "bounces@acme.test"
