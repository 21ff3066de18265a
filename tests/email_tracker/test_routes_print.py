"""The report on one sheet: what was sent, what became of it, and what was done then."""

import pytest

from tests import makers
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.delivery import raising
from webapp.delivery.attending import HUMAN
from webapp.delivery.models import Recipient, Tally
from webapp.delivery.models_following import Attention
from webapp.delivery.statuses import Status
from webapp.email_tracker import summing_up
from webapp.extensions import db
from webapp.mail.causes import Cause

pytestmark = pytest.mark.database
HOSTILE = '<script>alert("1")</script>' + "W" * 200


@pytest.fixture
def email(cast, connection) -> BulkEmail:
    form = makers.make_form(cast.workspace, [("Ann", "ann@x.test"), (HOSTILE, "bo@x.test")])
    made = makers.make_email(form, connection, cast.alice, subject=HOSTILE * 9)
    makers.start(made)
    ann, bo = db.session.query(Recipient).order_by(Recipient.id)
    raising.raise_statuses([raising.Change(ann.id, Status.DELIVERED),
        raising.Change(bo.id, Status.BOUNCED, Cause.MAILBOX_MISSING)])  # fmt: skip
    db.session.commit()
    return made


def page(email: BulkEmail, client) -> str:
    answer = client.get(f"/w/acme/emails/{email.id}/print")
    assert answer.status_code == 200
    return answer.text


def test_the_overview_leads_to_it_and_it_says_what_became_of_it(cast, email, sign_in) -> None:
    client = sign_in(cast.bob)
    assert f"/w/acme/emails/{email.id}/print" in client.get(f"/w/acme/emails/{email.id}").text

    text = page(email, client)
    for words in ("1 of 2 delivered", "50 %", "Alice", "ann@acme.test", "from People",
                  "The mailbox does not exist.", "x.test", "Nothing was sent again."):  # fmt: skip
        assert words in text
    assert "<script>alert" not in text


def test_it_counts_people_only_where_opens_and_clicks_are_counted(cast, email, sign_in) -> None:
    client = sign_in(cast.bob)
    assert "followed a link" not in page(email, client)

    ann = db.session.query(Recipient).order_by(Recipient.id).first()
    db.session.add(
        Attention(recipient_id=ann.id, bulk_email_id=email.id, clicked_by=HUMAN, rules=1)
    )
    assert "without machines, 1 person followed a link." in page(email, client)


def test_it_names_what_was_sent_again(cast, email, sign_in) -> None:
    again = makers.make_email(email.form, email.connection, cast.alice, parent_id=email.id)
    again.stage, again.started_at = Stage.FINISHED, email.started_at
    db.session.add(Tally(bulk_email_id=again.id, delivered=1))
    text = page(email, sign_in(cast.bob))

    assert "and 1 more by sending it again" in text
    assert "1 of 1</b> who did not get it" in text


def test_a_large_one_fills_itself_in_once_it_is_counted(cast, email, sign_in, monkeypatch) -> None:
    monkeypatch.setattr(summing_up, "COUNTED_AT_ONCE", 1)
    client = sign_in(cast.bob)
    text = page(email, client)
    assert "are being counted" in text
    assert "every 2s" in text

    summing_up.count(email.id)
    text = page(email, client)
    assert "are being counted" not in text
    assert "every 2s" not in text


def test_an_email_that_nobody_followed_has_none(cast, email, sign_in) -> None:
    email.tracked = False
    assert sign_in(cast.bob).get(f"/w/acme/emails/{email.id}/print").status_code == 404
