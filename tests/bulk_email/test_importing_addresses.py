"""A CSV of addresses that get no more mail: what can be read is taken, the rest is told by line."""

import io
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from tests import makers
from webapp.bulk_email import importing_addresses
from webapp.bulk_email.importing_addresses import Why
from webapp.bulk_email.models_lists import AddressImport
from webapp.delivery.models import Suppression
from webapp.extensions import db
from webapp.lib import clock, stopping
from webapp.mail.causes import Cause
from webapp.plugins import catalogue, installing

pytestmark = pytest.mark.database
PAGE = "/w/acme/suppressions/import"
BY_HAND = Why(Cause.SUPPRESSED, "Old list")


@pytest.fixture
def client(cast, sign_in):
    installing.install(cast.workspace, catalogue.find("bulk_email"), cast.alice)
    return sign_in(cast.alice)


def upload(client, text: str | bytes, **data):
    content = text.encode() if isinstance(text, str) else text
    return client.post(PAGE, data={"file": (io.BytesIO(content), "old list.csv"), **data})


def bring_in(client, text: str, **data):
    """Upload, let a worker do it, and look at the report."""
    answer = upload(client, text, **data)
    importing_addresses.run(db.session.scalar(select(func.max(AddressImport.id))))
    return client.get(answer.location)


def test_addresses_are_taken_from_the_column_that_has_them(cast, client) -> None:
    page = bring_in(client, "Name;E-mail\nAnn;Ann@x.test\nBo;bo@x.test\nAnn again;ann@X.test\n")

    assert "2 addresses added" in page.text
    assert "1 stood on the list before, or twice in the file" in page.text
    assert makers.suppressed_addresses(cast.workspace) == ["Ann@x.test", "bo@x.test"]


def test_a_file_without_a_head_loses_no_line(cast, client) -> None:
    bring_in(client, "ann@x.test\nbo@x.test\n")

    assert makers.suppressed_addresses(cast.workspace) == ["ann@x.test", "bo@x.test"]


def test_lines_not_understood_are_told_with_their_number_and_reason(client) -> None:
    page = bring_in(client, 'Email\nann@x.test\n<b>@x\n""\n=bo@@x.test\n')

    assert "1 address added" in page.text
    assert "2 lines were not understood" in page.text
    assert "&lt;b&gt;@x" in page.text
    assert '<td class="number">5</td>' in page.text
    lines = client.get(f"{page.request.path}/refused.csv").text.splitlines()
    assert lines[0] == "\ufeffLine,Why,Address"
    assert lines[2].startswith("5,")
    assert lines[2].endswith(",'=bo@@x.test")


def test_before_a_worker_comes_the_report_shows_progress_and_asks_again(client) -> None:
    page = client.get(upload(client, "a@x.test\n").location)

    assert "Reading the file" in page.text
    assert 'hx-trigger="every 1s"' in page.text


def test_on_the_way_it_says_how_far_it_is_and_how_long_it_takes(cast, client) -> None:
    page = upload(client, "a@x.test\n").location
    halfway = {"rows_total": 4000, "rows_done": 2000, "added": 1990, "rows_refused": 7}
    started = clock.now() - timedelta(seconds=90)
    db.session.execute(update(AddressImport).values(**halfway, created_at=started))
    db.session.commit()

    said = "Line 2,000 of 4,000: 1,990 added, 3 already there, 7 not understood · about 2 min left"
    assert said in client.get(page).text


def test_reason_cause_and_time_are_those_of_the_form(cast, client) -> None:
    bring_in(client, "a@x.test\n", cause="unsubscribed", period="90", reason="Old provider")

    found = db.session.scalar(select(Suppression))
    assert (found.cause, found.reason) == ("unsubscribed", "Old provider")
    assert (found.expires_at - found.created_at).days in (89, 90)
    assert found.created_by_id == cast.alice.id


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "The file is empty."),
        (b"Name\nAnn\n", "No column of this file has addresses"),
        (b"PK\x03\x04", "This is not a CSV file"),
        (b'Email\n"a@x.test\n', "never closed"),
    ],
)
def test_what_cannot_be_read_changes_nothing(cast, client, content: bytes, said: str) -> None:
    answer = upload(client, content, reason="kept")

    assert answer.status_code == 422
    assert said in answer.text
    assert 'value="kept"' in answer.text
    assert makers.suppressed_addresses(cast.workspace) == []


def test_a_quote_that_is_never_closed_far_below_changes_nothing_either(cast, client) -> None:
    page = bring_in(client, "a@x.test\n" * 1500 + '"b@x.test\n')

    assert "Nothing was imported" in page.text
    assert "Line 1501: a quote is opened here and never closed." in page.text
    assert makers.suppressed_addresses(cast.workspace) == []


def test_without_a_file_it_says_so(client) -> None:
    answer = client.post(PAGE, data={})

    assert (answer.status_code, "Choose a CSV file first." in answer.text) == (422, True)


def test_the_same_file_twice_doubles_nothing(cast, client) -> None:
    bring_in(client, "a@x.test\n")
    page = bring_in(client, "a@x.test\n")

    assert "0 addresses added" in page.text
    assert makers.suppressed_addresses(cast.workspace) == ["a@x.test"]


def test_a_worker_that_is_stopped_is_followed_by_one_that_goes_on(cast, monkeypatch) -> None:
    monkeypatch.setattr(importing_addresses, "CHUNK", 2)
    content = b"Email\na@x.test\nnone\nb@x.test\na@x.test\nc@x.test\n"
    kept = importing_addresses.upload(cast.workspace, cast.alice, content, "list.csv", BY_HAND)
    monkeypatch.setattr(stopping, "is_asked", lambda: True)
    for _ in range(3):
        importing_addresses.run(kept.id)
        kept = db.session.get_one(AddressImport, kept.id)
        assert not kept.is_over or kept.rows_done == kept.rows_total
    monkeypatch.undo()
    importing_addresses.run(kept.id)

    kept = db.session.get_one(AddressImport, kept.id)
    assert (kept.stage, kept.content) == ("finished", b"")
    assert (kept.added, kept.known, kept.rows_refused) == (3, 1, 1)
