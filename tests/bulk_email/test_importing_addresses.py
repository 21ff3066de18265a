"""A CSV of addresses that get no more mail: what can be read is taken, the rest is told by line."""

import io

import pytest
from sqlalchemy import select

from tests import makers
from webapp.bulk_email import importing_addresses
from webapp.delivery.models import Suppression
from webapp.extensions import db
from webapp.plugins import catalogue, installing

pytestmark = pytest.mark.database
PAGE = "/w/acme/suppressions/import"


@pytest.fixture
def client(cast, sign_in):
    installing.install(cast.workspace, catalogue.find("bulk_email"), cast.alice)
    return sign_in(cast.alice)


def upload(client, text: str | bytes, **data):
    content = text.encode() if isinstance(text, str) else text
    return client.post(PAGE, data={"file": (io.BytesIO(content), "old list.csv"), **data})


def test_addresses_are_taken_from_the_column_that_has_them(cast, client) -> None:
    answer = upload(client, "Name;E-mail\nAnn;Ann@x.test\nBo;bo@x.test\nAnn again;ann@X.test\n")

    assert "2 addresses added" in answer.text
    assert "1 stood on the list before, or twice in the file" in answer.text
    assert makers.suppressed_addresses(cast.workspace) == ["Ann@x.test", "bo@x.test"]


def test_a_file_without_a_head_loses_no_line(cast, client) -> None:
    upload(client, "ann@x.test\nbo@x.test\n")

    assert makers.suppressed_addresses(cast.workspace) == ["ann@x.test", "bo@x.test"]


def test_refused_lines_are_told_with_their_number_and_reason(cast, client) -> None:
    answer = upload(client, 'Email\nann@x.test\n<b>@x\n""\nbo@@x.test\n')

    assert "1 address added" in answer.text
    assert "2 lines were refused" in answer.text
    assert "&lt;b&gt;@x" in answer.text
    assert '<td class="number">5</td>' in answer.text


def test_reason_cause_and_time_are_those_of_the_form(cast, client) -> None:
    upload(client, "a@x.test\n", cause="unsubscribed", period="90", reason="Old provider")

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
        (b"Email\n" + b"a@x.test\n" * 20_001, "At most 20,000 lines"),
        (b'Email\n"a@x.test\n', "never closed"),
    ],
)
def test_what_cannot_be_read_changes_nothing(cast, client, content: bytes, said: str) -> None:
    answer = upload(client, content, reason="kept")

    assert answer.status_code == 422
    assert said in answer.text
    assert 'value="kept"' in answer.text
    assert makers.suppressed_addresses(cast.workspace) == []


def test_without_a_file_it_says_so(client) -> None:
    answer = client.post(PAGE, data={})

    assert (answer.status_code, "Choose a CSV file first." in answer.text) == (422, True)


def test_the_same_file_twice_doubles_nothing(cast, client) -> None:
    for _ in range(2):
        upload(client, "a@x.test\n")

    assert makers.suppressed_addresses(cast.workspace) == ["a@x.test"]
    assert importing_addresses.MAX_LINES == 20_000
