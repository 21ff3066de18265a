"""Writing an email over plain HTTP: saved as it is typed, by button too; preview, check, test."""

import re

import pytest

from tests import makers
from tests.smtp_server import SmtpServer
from webapp.bulk_email.models import BulkEmail
from webapp.delivery import adopting
from webapp.delivery.models import Doubt, SendingHost
from webapp.extensions import db
from webapp.forms import writing
from webapp.forms.models import FieldKind, Record, View
from webapp.plugins import catalogue, installing

pytestmark = pytest.mark.database
PART = {"HX-Request": "true"}
EMAILS = "/w/acme/emails"


@pytest.fixture
def draft(cast) -> BulkEmail:
    installing.install(cast.workspace, catalogue.find("bulk_email"), cast.alice)
    form = makers.make_form(cast.workspace, [("Ann", "ann@x.test"), ("", "bo@x.test"), ("Cy", "")])
    return makers.make_email(form, makers.make_connection(cast.workspace), cast.alice)


def page(draft: BulkEmail, name: str = "compose") -> str:
    return f"{EMAILS}/{draft.id}/{name}"


def typed(draft: BulkEmail, **changes) -> dict:
    names = ("form_id", "address_field_id", "connection_id", "subject", "body", "from_name")
    return {name: getattr(draft, name) for name in (*names, "from_address")} | changes


def record(number: int) -> Record:
    return db.session.query(Record).order_by(Record.id).all()[number]


def test_what_is_typed_saves_itself_and_is_counted_anew(cast, draft, sign_in) -> None:
    data = typed(draft, subject="Other", field="name", op="is", value="Ann")

    part = sign_in(cast.alice).post(page(draft), data=data, headers=PART).text

    assert "Saved" in part
    assert "<b>1 record:</b>" in part
    assert "<html" not in part
    db.session.refresh(draft)
    assert draft.subject == "Other"


def test_without_javascript_the_page_has_buttons(cast, draft, sign_in) -> None:
    client = sign_in(cast.alice)
    text = client.get(page(draft)).text
    assert '<noscript><button class="btn" type="submit">Save' in text

    for then in ("check", "preview", "send"):
        answer = client.post(page(draft), data=typed(draft, subject="Kept", then=then))
        assert (answer.status_code, answer.location) == (303, page(draft, then))
    db.session.refresh(draft)
    assert draft.subject == "Kept"


def test_a_button_saves_first_and_answers_in_place(cast, draft, sign_in) -> None:
    client = sign_in(cast.alice)
    data = typed(draft, subject="Just typed")

    sent = client.post(page(draft), data=data | {"then": "send"}, headers=PART).text
    assert "will get “Just typed”" in sent
    seen = client.post(page(draft), data=data | {"then": "preview"}, headers=PART).text
    assert "<b>Just typed</b>" in seen
    db.session.refresh(draft)
    assert draft.stage == "draft"


def test_errors_stand_at_their_fields_and_keep_what_was_typed(cast, draft, sign_in) -> None:
    data = typed(draft, subject="Hi {{ nmae }}", from_address="nobody")

    text = sign_in(cast.alice).post(page(draft), data=data).text

    assert "no field called nmae" in text
    assert "From: " in text
    assert 'value="Hi {{ nmae }}"' in text
    assert 'value="nobody"' in text


def test_the_picker_offers_every_field_and_a_fall_back(cast, draft, sign_in) -> None:
    text = sign_in(cast.alice).get(page(draft)).text

    assert re.findall(r'data-insert="(\w+)"', text) == ["name", "email"]
    assert "Where it is blank, write" in text


def test_another_form_brings_its_own_merge_fields(cast, draft, sign_in) -> None:
    other = writing.create_form(cast.workspace, "Boats", [("Berth", FieldKind.TEXT)])
    db.session.commit()
    client = sign_in(cast.alice)

    changed = client.post(page(draft), data=typed(draft, form_id=other.id), headers=PART).text
    same = client.post(page(draft), data=typed(draft, form_id=other.id), headers=PART).text

    assert 'data-insert="berth"' in changed
    assert "data-insert" not in same


def test_a_view_that_is_gone_stays_chosen_and_is_said(cast, draft, sign_in) -> None:
    view = View(form_id=draft.form_id, name="V", settings={"query": "field=name&op=is&value=Ann"})
    db.session.add(view)
    db.session.commit()
    client = sign_in(cast.alice)
    client.post(page(draft), data=typed(draft, view_id=view.id))
    db.session.delete(view)
    db.session.commit()

    again = client.post(page(draft), data=typed(draft, view_id=view.id)).text
    assert "(a view that is gone)" in again
    assert "The saved view is gone." in again
    assert "cannot go out yet" in client.get(page(draft, "send")).text


@pytest.mark.parametrize("number", ["9" * 25, str(2**40), "-1", "x", ""])
def test_ids_that_cannot_be_are_refused_quietly(cast, draft, sign_in, number) -> None:
    data = typed(draft, connection_id=number, view_id=number, address_field_id=number)

    assert sign_in(cast.alice).post(page(draft), data=data).status_code == 200
    assert sign_in(cast.alice).post(page(draft), data=data | {"form_id": number}).status_code == 200


def test_the_preview_goes_from_person_to_person(cast, draft, sign_in) -> None:
    client = sign_in(cast.alice)

    first = client.get(page(draft, f"preview/{record(0).id}")).text
    assert "<b>Hello Ann</b>" in first
    assert "Next person" in first
    assert "Previous person" not in first
    second = client.get(page(draft, f"preview/{record(1).id}")).text
    assert "name is empty and has no fall-back" in second
    third = client.get(page(draft, f"preview/{record(2).id}")).text
    assert "This person will not get it: There is no address." in third


def test_the_frame_can_do_nothing(cast, draft, sign_in) -> None:
    client = sign_in(cast.alice)
    where = page(draft, f"preview/{record(0).id}")

    assert f'<iframe class="mail-frame" sandbox title="The email as HTML" src="{where}/frame"' in (
        client.get(where).text
    )
    frame = client.get(where + "/frame")
    assert "Dear Ann" in frame.text
    assert frame.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none';")


def test_an_error_in_the_frame_is_escaped(cast, draft, sign_in) -> None:
    draft.subject = "{{ <script>alert(1)</script> }}"
    db.session.commit()

    frame = sign_in(cast.alice).get(page(draft, f"preview/{record(0).id}/frame"))

    assert "<script" not in frame.text


def test_a_record_of_another_form_is_not_previewed(cast, draft, sign_in) -> None:
    other = makers.make_form(cast.workspace, [("Eve", "eve@x.test")])
    eve = db.session.query(Record).filter_by(form_id=other.id).one()

    for path in (f"preview/{eve.id}", f"preview/{eve.id}/frame"):
        assert sign_in(cast.alice).get(page(draft, path)).status_code == 404


def test_checking_lists_everybody_with_the_reason(cast, draft, sign_in) -> None:
    text = sign_in(cast.alice).get(page(draft, "check"), headers=PART).text

    assert "2 will get it, 1 without a valid address" in text
    assert "1 of the first 2 cannot be merged" in text
    assert "There is no address." in text


def test_a_test_goes_to_me_alone(cast, draft, sign_in) -> None:
    with SmtpServer() as server:
        draft.connection.port = server.port
        db.session.commit()
        client = sign_in(cast.alice)
        text = client.post(page(draft, "test"), headers=PART).text
        one = client.post(page(draft, "test"), data={"record_id": record(1).id}, headers=PART).text

    assert "A test is on its way to alice@example.org." in text
    assert "No test was sent. The field name is empty" in one
    assert server.ledger.addresses == ["alice@example.org"]


def test_no_test_leaves_from_a_copied_database(app, cast, draft, sign_in) -> None:
    adopting.is_trusted(adopting.this_host(app.config["SETTINGS"].data_dir))
    db.session.add(SendingHost(id="h", name="other", doubt=Doubt.RESTORED))
    db.session.commit()

    text = sign_in(cast.alice).post(page(draft, "test"), headers=PART).text

    assert "Nothing leaves from here" in text


def test_what_was_sent_is_not_edited(cast, draft, sign_in) -> None:
    makers.start(draft)
    client = sign_in(cast.alice)

    assert client.get(page(draft)).location == f"{EMAILS}/{draft.id}"
    assert client.post(page(draft), data=typed(draft)).location == f"{EMAILS}/{draft.id}"
    assert client.get(page(draft, "delete")).status_code == 404


def test_a_draft_is_deleted_after_one_question(cast, draft, sign_in) -> None:
    client = sign_in(cast.alice)

    assert "never sent" in client.get(page(draft, "delete")).text
    assert client.post(page(draft, "delete")).status_code == 303
    assert db.session.query(BulkEmail).count() == 0
