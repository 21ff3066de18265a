"""The Trends of a workspace: linked beside the list of emails, filled in by a job, escaped."""

import re

import pytest

from tests import makers
from webapp.bulk_email.models import BulkEmail
from webapp.delivery import raising
from webapp.delivery.models import Recipient
from webapp.delivery.statuses import Status
from webapp.email_tracker import jobs
from webapp.extensions import db
from webapp.mail.causes import Cause

pytestmark = pytest.mark.database
PART = {"HX-Request": "true"}
PATH = "/w/acme/emails/trends"
HOSTILE = "<script>alert(1)</script>" + "W" * 200


@pytest.fixture
def two_emails(cast, connection) -> None:
    """Two to the same four people, of whom three refused both."""
    rows = [(f"{HOSTILE} {number}", f"p{number}@bad.test") for number in range(4)]
    form = makers.make_form(cast.workspace, rows)
    for _ in range(2):
        makers.start(makers.make_email(form, connection, cast.alice, subject=HOSTILE))
    copies = db.session.query(Recipient).order_by(Recipient.record_id, Recipient.id).all()
    raising.raise_statuses(
        raising.Change(copy.id, Status.BOUNCED, Cause.MAILBOX_FULL) for copy in copies[:6]
    )
    db.session.commit()


def test_without_emails_it_says_what_it_is_for(cast, connection, sign_in) -> None:
    client = sign_in(cast.bob)
    assert PATH in client.get("/w/acme/emails").text

    text = client.get(PATH).text
    assert "Nothing to compare yet" in text
    assert "Test relay" in text


def test_it_shows_the_emails_at_once_and_the_rest_when_counted(cast, two_emails, sign_in) -> None:
    client = sign_in(cast.bob)
    text = client.get(PATH).text
    assert "3 of 4 (75.0 %)" in text
    assert "are being counted" in text
    here = re.search(r'hx-get="([^"]+version=[^"]+)"', text)[1].replace("&amp;", "&")
    assert client.get(here, headers=PART).status_code == 204

    jobs.introduce(db.session.query(BulkEmail).first().id)
    jobs.survey(cast.workspace.id)
    text = client.get(here, headers=PART).text
    assert "are being counted" not in text
    for words in ("bad.test", "2 emails", "The mailbox is full.", "still written to", "/people/"):
        assert words in text
    assert "<script>alert" not in text


def test_without_the_tracker_there_is_none(cast, sign_in) -> None:
    assert sign_in(cast.bob).get(PATH).status_code == 404
