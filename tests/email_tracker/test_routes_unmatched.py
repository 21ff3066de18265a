"""The Unmatched tray: what it shows, and what may be done with it."""

import pytest

from tests import makers
from webapp.delivery.models import ArrivalStage, ParkedReport, Recipient
from webapp.extensions import db
from webapp.mail.reports import Report, ReportKind

pytestmark = pytest.mark.database
TRAY = "/w/acme/unmatched"


@pytest.fixture
def parked(connection, copy) -> ParkedReport:
    return makers.make_parked(connection)


def test_an_empty_tray_says_what_it_is_for(sign_in, cast, connection) -> None:
    text = sign_in(cast.bob).get(TRAY).text

    assert "Nothing is unmatched" in text
    assert "could not be matched" not in sign_in(cast.bob).get("/w/acme/emails").text


def test_what_lies_there_is_said_where_emails_and_connections_are(sign_in, cast, parked) -> None:
    client = sign_in(cast.alice)

    for path in ("/w/acme/emails", f"/w/acme/connections/{parked.arrival.connection_id}"):
        assert "1 report</a>" in client.get(path).text.replace(
            " could not be matched to a copy", ""
        )
    assert "Their server refused it" in client.get(TRAY).text


def test_the_part_is_the_tray_alone(sign_in, cast, parked) -> None:
    text = sign_in(cast.bob).get(TRAY, headers={"HX-Request": "true"}).text

    assert text.lstrip().startswith('<div id="unmatched">')
    assert "ann@x.test" in text


def test_a_report_suggests_copies_to_its_address(sign_in, cast, parked, copy) -> None:
    text = sign_in(cast.alice).get(f"{TRAY}/{parked.id}").text

    assert 'name="copy"' in text
    assert "550 No" in text
    assert "[&lt;as it came&gt;]" in text


def test_a_copy_can_be_searched_by_another_address(sign_in, cast, connection, copy) -> None:
    report = Report(ReportKind.BOUNCED, None, "old@elsewhere.test", None)
    page = f"{TRAY}/{makers.make_parked(connection, report).id}"
    client = sign_in(cast.alice)

    assert "Nothing was sent to the address" in client.get(page).text
    assert 'name="copy"' in client.get(page + "?q=Ann@x.test").text
    assert "No copy was ever made" in client.get(page + "?q=nobody@x.test").text


def test_attaching_and_undoing(sign_in, cast, parked, copy: Recipient) -> None:
    client = sign_in(cast.alice)
    client.post(f"{TRAY}/{parked.id}/attach", data={"copy": copy.id})
    db.session.refresh(copy)
    assert copy.status == "bounced"
    page = client.get(f"/w/acme/emails/{copy.bulk_email_id}/recipients/{copy.id}").text
    assert "Attached to this copy by hand." in page
    assert "Attached to Ann by Alice" in client.get(TRAY + "?show=settled").text

    client.post(f"{TRAY}/{parked.id}/undo")
    db.session.refresh(copy)
    assert copy.status == "queued"
    assert "Their server refused it" in client.get(TRAY).text


def test_a_copy_of_another_workspace_is_refused(sign_in, cast, parked) -> None:
    form = makers.make_form(cast.charlie.members[0].workspace, [("Zoe", "zoe@x.test")])
    makers.start(makers.make_email(form, makers.make_connection(form.workspace)))
    theirs = db.session.query(Recipient).filter_by(name="Zoe").one()

    for chosen in (theirs.id, "", "x", 9**25):
        client = sign_in(cast.alice)
        client.post(f"{TRAY}/{parked.id}/attach", data={"copy": chosen})
        assert db.session.get(ParkedReport, parked.id).settled_at is None


def test_putting_aside_and_undoing(sign_in, cast, parked) -> None:
    client = sign_in(cast.alice)
    client.post(f"{TRAY}/{parked.id}/put-aside")
    assert "Put aside by Alice" in client.get(TRAY + "?show=settled").text
    assert "Nothing is unmatched" in client.get(TRAY).text
    client.post(f"{TRAY}/{parked.id}/undo")
    assert "Nothing dealt with yet" in client.get(TRAY + "?show=settled").text


def test_what_cannot_be_read_is_shown_as_it_came(sign_in, cast, parked) -> None:
    parked.arrival.stage, parked.arrival.error = ArrivalStage.UNREADABLE, "No <b>JSON</b>"
    client = sign_in(cast.bob)

    assert "No &lt;b&gt;JSON" in client.get(TRAY + "?show=unreadable").text
    text = client.get(f"{TRAY}/arrivals/{parked.arrival_id}").text
    assert "[&lt;as it came&gt;]" in text
    assert "email-tracker replay" in text


def test_an_arrival_that_was_read_is_not_shown(sign_in, cast, parked) -> None:
    assert sign_in(cast.alice).get(f"{TRAY}/arrivals/{parked.arrival_id}").status_code == 404
