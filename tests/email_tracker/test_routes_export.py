"""The Recipients tab as a file: those that it shows, with reasons and replies, and nobody else."""

import csv
import io
from collections.abc import Sequence

import openpyxl
import pytest
from flask.testing import FlaskClient

from tests import makers
from tests.cast import signed_in_client
from webapp.delivery.models import Recipient
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.forms import jobs
from webapp.forms.models import Export
from webapp.plugins import catalogue, installing

pytestmark = pytest.mark.database
PEOPLE = [(name, f"{name.lower()}@x.test") for name in ("Ann", "Bo", "Cy")]


@pytest.fixture
def emails(cast) -> list:
    """Two of one subject, each to the same three; in the first, Bo bounced."""
    for name in ("bulk_email", "email_tracker"):
        installing.install(cast.workspace, catalogue.find(name), cast.alice)
    form, connection = (
        makers.make_form(cast.workspace, PEOPLE),
        makers.make_connection(cast.workspace),
    )
    made = [makers.make_email(form, connection, subject="News") for _ in range(2)]
    for email in made:
        makers.start(email)
    bo = db.session.query(Recipient).filter_by(bulk_email_id=made[0].id, name="Bo").one()
    bo.status, bo.cause, bo.reply = Status.BOUNCED, "mailbox_missing", "=550 5.1.1 unknown"
    db.session.commit()
    return made


def export(client: FlaskClient, email, query: str, kind: str) -> Sequence[Sequence]:
    """The rows of the file, its head first."""
    asked = client.post(f"/w/acme/emails/{email.id}/recipients/export?{query}", data={"kind": kind})
    assert asked.status_code == 303
    made = db.session.query(Export).order_by(Export.id.desc()).first()
    jobs.exporting.run(made.id, jobs.folder())
    answer = client.get(f"{asked.location}/file")
    assert f"News.{kind}" in answer.headers["Content-Disposition"]
    if kind == "csv":
        return list(csv.reader(answer.data.decode("utf-8-sig").splitlines()))
    return list(openpyxl.load_workbook(io.BytesIO(answer.data)).active.values)


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("sort=-name", ["Ann", "Bo", "Cy"]), ("show=bounced", ["Bo"]), ("q=cy", ["Cy"]),
        ("cause=mailbox_missing", ["Bo"]), ("show=delivered", []),
    ],
)  # fmt: skip
def test_it_holds_whom_the_tab_shows(app, cast, emails, kind, query, names) -> None:
    _, *rows = export(signed_in_client(app, cast.bob), emails[0], query, kind)

    assert [row[0] for row in rows] == names


def test_it_says_why_with_the_servers_words_made_harmless(app, cast, emails) -> None:
    head, row = export(signed_in_client(app, cast.bob), emails[0], "show=bounced", "csv")

    said = dict(zip(head, row, strict=True))
    assert said["Server reply"] == "'=550 5.1.1 unknown"
    assert said["Reason class"] == "The mailbox does not exist."


def test_a_report_offers_the_file_and_the_way_back(app, cast, emails) -> None:
    client = signed_in_client(app, cast.bob)
    url = f"/w/acme/emails/{emails[0].id}/recipients/export"
    report = client.post(url, data={"kind": "xlsx"}).location
    waiting = client.get(report).text
    made = db.session.query(Export).one()
    jobs.exporting.run(made.id, jobs.folder())
    ready = client.get(report).text

    assert "Counting the rows" in waiting
    assert "Download Excel (XLSX)" in ready
    assert "Back to News" in ready
