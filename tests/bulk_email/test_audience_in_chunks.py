"""Freezing an audience: everybody selected gets a row, once, whatever the chunks cut through."""

import pytest
from sqlalchemy import update

from tests import makers
from tests.cast import Cast
from webapp.bulk_email import audience, preparing
from webapp.bulk_email.models import OnePer
from webapp.delivery import suppressing
from webapp.delivery.models import Recipient
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.forms.models import Record
from webapp.mail.causes import Cause

PEOPLE = [
    ("Ann", "ann@x.test"),
    ("Blank", ""),
    ("Ann again", "Ann@X.test"),
    ("Ben", "ben@x.test"),
    ("Malformed", "no-at-sign"),
    ("Cid", "cid@x.test"),
    ("Ann, third", "ann@x.test"),
    ("Dora", "dora@x.test"),
]


@pytest.fixture(params=[1, 2, 3, 100])
def chunk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Doubles and their firsts fall into one chunk, and into several."""
    monkeypatch.setattr(preparing, "CHUNK", request.param)
    return request.param


@pytest.fixture
def bulk_email(cast: Cast):
    form = makers.make_form(cast.workspace, PEOPLE)
    suppressing.suppress(
        cast.workspace.id,
        [
            suppressing.Entry("ben@x.test", Cause.UNSUBSCRIBED),
            suppressing.Entry("cid@x.test", Cause.MAILBOX_MISSING),
        ],
    )
    return makers.make_email(form, makers.make_connection(cast.workspace))


def frozen() -> dict[str, tuple[Status, str | None]]:
    copies = db.session.query(Recipient).order_by(Recipient.id)
    return {copy.name: (copy.status, copy.cause) for copy in copies}


def test_every_record_is_judged_once(bulk_email, chunk: int):
    makers.start(bulk_email)
    assert frozen() == {
        "Ann": (Status.QUEUED, None),
        "Blank": (Status.FAILED, Cause.INVALID_ADDRESS),
        "Ann again": (Status.WITHHELD, Cause.DUPLICATE),
        "Ben": (Status.WITHHELD, Cause.UNSUBSCRIBED),
        "Malformed": (Status.FAILED, Cause.INVALID_ADDRESS),
        "Cid": (Status.WITHHELD, Cause.SUPPRESSED),
        "Ann, third": (Status.WITHHELD, Cause.DUPLICATE),
        "Dora": (Status.QUEUED, None),
    }


def test_the_preview_counts_what_is_frozen(bulk_email, chunk: int):
    counted = audience.count(bulk_email)
    makers.start(bulk_email)
    books = makers.books(bulk_email)
    assert (counted.selected, books.selected) == (len(PEOPLE), len(PEOPLE))
    assert (counted.will_get_it, counted.no_address) == (books.waiting, books.failed) == (2, 2)
    assert counted.duplicates + counted.suppressed == books.dropped == 4


def test_one_for_each_record_when_that_is_wanted(bulk_email, chunk: int):
    bulk_email.one_per = OnePer.RECORD
    makers.start(bulk_email)
    statuses = [status for name, (status, _) in frozen().items() if name.startswith("Ann")]
    assert statuses == [Status.QUEUED] * 3


def test_what_was_decided_at_the_start_is_kept_as_a_decision(bulk_email):
    makers.start(bulk_email)
    for copy in db.session.query(Recipient):
        is_decided = copy.status in (Status.FAILED, Status.WITHHELD)
        assert copy.decision is (copy.status if is_decided else None)


def test_merge_values_keep_their_types(bulk_email):
    values = {"name": 'Zoë "Q"', "email": "zoe@x.test", "yes": True, "number": 1.5, "list": ["a"]}
    db.session.execute(update(Record).values(values=values))
    db.session.commit()
    bulk_email.body = "{{ name }} {{ yes }} {{ number }} {{ list }} {{ gone | default: 'x' }}"
    makers.start(bulk_email)
    kept = db.session.query(Recipient).first().merge_values
    assert {key: kept.get(key) for key in ("name", "yes", "number", "list", "gone")} == {
        "name": 'Zoë "Q"', "yes": True, "number": 1.5, "list": ["a"], "gone": None,
    }  # fmt: skip
