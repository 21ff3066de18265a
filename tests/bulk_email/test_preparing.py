"""Freezing who gets an email, in chunks that can be resumed after any of them."""

import pytest
from sqlalchemy import func, select

from tests import makers
from webapp.bulk_email import preparing, sending
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.delivery.models import Recipient
from webapp.extensions import db
from webapp.forms import writing
from webapp.mail.causes import Cause

pytestmark = pytest.mark.database
PEOPLE = [(f"P {number}", f"p{number}@x.test") for number in range(7)]


@pytest.fixture
def email(cast, monkeypatch) -> BulkEmail:
    """Started, in chunks of three; the last record is a double of the first."""
    monkeypatch.setattr(preparing, "CHUNK", 3)
    form = makers.make_form(cast.workspace, [*PEOPLE, ("Double", "P0@x.test"), ("Blank", "")])
    made = makers.make_email(form, makers.make_connection(cast.workspace))
    assert sending.start(made, nonce="n", by=cast.alice, tracked=True)
    return made


def count() -> int:
    return db.session.scalar(select(func.count()).select_from(Recipient))


def test_it_goes_on_chunk_by_chunk_and_only_then_sends(email) -> None:
    seen = []
    while preparing.prepare_some(email.id):
        seen.append((count(), db.session.get(BulkEmail, email.id).stage))

    assert seen == [(3, "preparing"), (6, "preparing"), (9, "preparing")]
    assert db.session.get(BulkEmail, email.id).stage == Stage.SENDING


def test_the_books_balance_after_every_chunk(email) -> None:
    while preparing.prepare_some(email.id):
        assert makers.books(email).selected == count()

    assert makers.books(email).parts["dropped"] == makers.books(email).doubles == 1
    assert makers.books(email).parts["failed"] == 1


def test_a_double_in_a_later_chunk_is_found(email) -> None:
    while preparing.prepare_some(email.id):
        pass

    assert makers.statuses(email)["P0@x.test"] == "withheld"


def test_prepared_twice_everybody_is_there_once(email) -> None:
    while preparing.prepare_some(email.id):
        pass

    assert preparing.prepare_some(email.id) is False
    assert count() == 9


def test_a_record_added_meanwhile_is_not_selected(email) -> None:
    preparing.prepare_some(email.id)
    writing.add_records(email.form, [{"name": "Late", "email": "late@x.test"}], None, "made")
    db.session.commit()
    while preparing.prepare_some(email.id):
        pass

    assert "late@x.test" not in makers.statuses(email)


def test_values_are_frozen_as_they_were(email) -> None:
    while preparing.prepare_some(email.id):
        pass
    db.session.execute(db.text("UPDATE records SET \"values\" = '{}'"))
    db.session.commit()

    copy = db.session.scalar(select(Recipient).order_by(Recipient.id))
    assert (copy.name, copy.merge_values) == ("P 0", {"name": "P 0"})


def test_who_gets_nothing_has_the_decision_and_the_reason(email) -> None:
    while preparing.prepare_some(email.id):
        pass

    blank = db.session.scalar(select(Recipient).where(Recipient.address == ""))
    assert (blank.decision, blank.cause) == (blank.status, Cause.INVALID_ADDRESS)
    assert blank.reply == "There is no address."


def test_a_draft_is_not_prepared(cast, email) -> None:
    draft = makers.make_email(email.form, email.connection)

    assert preparing.prepare_some(draft.id) is False
    assert count() == 0
