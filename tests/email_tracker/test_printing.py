"""One sheet: the few largest of everything, and the rest summed up so that it still adds up."""

import pytest

from tests import makers
from tests.email_tracker.test_summing_up import SAID
from webapp.bulk_email.models import BulkEmail
from webapp.delivery import raising
from webapp.delivery.models import Recipient, Tally
from webapp.email_tracker import printing, summing_up
from webapp.extensions import db

pytestmark = pytest.mark.database


@pytest.fixture
def email(cast) -> BulkEmail:
    form = makers.make_form(cast.workspace, [(name, address) for name, address, _, _ in SAID])
    made = makers.make_email(form, makers.make_connection(cast.workspace), cast.alice)
    makers.start(made)
    ids = {copy.name: copy.id for copy in db.session.query(Recipient)}
    raising.raise_statuses(
        raising.Change(ids[name], status, cause) for name, _, status, cause in SAID if status
    )
    db.session.commit()
    return made


def sheet(email: BulkEmail) -> printing.Sheet:
    db.session.expire_all()
    return printing.sheet(email, db.session.get(Tally, email.id))


def test_the_bar_adds_up_to_everybody_selected(email) -> None:
    made = sheet(email)

    assert (made.share.delivered, made.share.lost, made.share.open) == (1, 3, 2)
    assert made.share.total == made.books.selected == len(SAID)
    assert made.percent == 16


def test_what_has_no_room_is_summed_up(email, monkeypatch) -> None:
    monkeypatch.setattr(printing, "MOST_REASONS", 1)
    monkeypatch.setattr(printing, "MOST_PROVIDERS", 1)
    everything = summing_up.figures(email, db.session.get(Tally, email.id))[0]
    made = sheet(email)

    assert [group.number for group in made.reasons] == [2]
    assert made.other_reasons == 2
    assert [each.name for each in made.providers][1:] == [""]
    for name in ("delivered", "lost", "open"):
        counted = [sum(getattr(each, name) for each in them)
                   for them in (made.providers, everything.providers)]  # fmt: skip
        assert counted[0] == counted[1]


def test_a_large_one_that_was_never_counted_says_so(email, monkeypatch) -> None:
    monkeypatch.setattr(summing_up, "COUNTED_AT_ONCE", 3)
    assert sheet(email).as_of is None
    assert sheet(email).books.selected == len(SAID)

    summing_up.count(email.id)
    assert sheet(email).as_of is not None
