"""The Data tab over plain HTTP: pages, parts, and a CSV from upload to grid."""

import io

import pytest
from sqlalchemy import select

from tests import makers
from webapp.extensions import db
from webapp.forms import exporting, importing
from webapp.forms.models import Export, Form, Import, Record
from webapp.lib import clock

pytestmark = pytest.mark.database
PART = {"HX-Request": "true"}
MESS = (
    "Name;Email;Age\r\n"
    "Ann;ann@x.test;30\r\n"
    '"Bo ""B"" Chan";bo@x.test;old\r\n'
    ";nobody;\r\n"
    "=cmd();cy@x.test;41\r\n"
)


def upload(client, content: bytes, name: str = "people.csv"):
    return client.post("/w/acme/data/import", data={"file": (io.BytesIO(content), name)})


def test_a_stranger_sees_nothing(cast, sign_in) -> None:
    form = makers.make_form(cast.workspace, [("Ann", "ann@x.test")])

    assert sign_in(cast.charlie).get(f"/w/acme/data/{form.id}").status_code == 404
    assert sign_in(cast.bob).get(f"/w/acme/data/{form.id}").status_code == 200


def test_the_grid_is_a_page_and_a_part(cast, sign_in) -> None:
    form = makers.make_form(cast.workspace, [("Ann", "ann@x.test")])
    client = sign_in(cast.bob)

    page = client.get(f"/w/acme/data/{form.id}").text
    part = client.get(f"/w/acme/data/{form.id}", headers=PART).text

    assert "<html" in page
    assert "<html" not in part
    assert "ann@x.test" in page
    assert 'id="grid"' in part


def test_search_filter_sort_and_paging_agree(cast, sign_in) -> None:
    form = makers.make_form(cast.workspace, [(f"P{n:03}", f"p{n}@x.test") for n in range(120)])
    client = sign_in(cast.bob)
    url = f"/w/acme/data/{form.id}?sort=name"
    seen: list[str] = []
    while url:
        text = client.get(url).text
        seen += [f"P{n:03}" for n in range(120) if f">P{n:03}</a>" in text]
        links = [part.split('"')[0] for part in text.split('href="') if "after=" in part[:400]]
        url = links[0].replace("&amp;", "&") if links and "Next page" in text else ""

    assert seen == [f"P{n:03}" for n in range(120)]
    found = client.get(f"/w/acme/data/{form.id}?field=name&op=is&value=p007").text
    assert "P007" in found
    assert "P008" not in found
    assert "P011" in client.get(f"/w/acme/data/{form.id}?q=p11@x").text


def test_a_file_nobody_goes_on_with_leaves_no_form_behind(cast, sign_in) -> None:
    client = sign_in(cast.alice)
    where = upload(client, MESS.encode(), "regatta.csv").location
    assert "regatta" not in client.get("/w/acme/data", follow_redirects=True).text

    kept = db.session.scalar(select(Import))
    long_ago = clock.now() - importing.KEPT_FOR * 2
    kept.created_at, db.session.get(Form, kept.form_id).hidden_at = long_ago, long_ago
    db.session.commit()
    importing.give_up_hopeless()

    assert db.session.scalars(select(Form.id)).all() == []
    assert client.get(where).status_code == 404


def test_a_messy_file_becomes_records_and_a_report(cast, sign_in) -> None:
    client = sign_in(cast.alice)
    where = upload(client, MESS.encode("cp1252")).location
    assert "ann@x.test" in client.get(where).text
    client.post(
        where, data={"column-0": "new:text", "column-1": "new:email", "column-2": "new:number"}
    )
    kept = db.session.scalar(select(Import))

    importing.run(kept.id)

    report = client.get(where.replace("/map", "")).text
    assert "3 records imported, 1 row refused" in report
    assert "Age must be a number, not “old”." in report
    values = [record.values for record in db.session.scalars(select(Record).order_by(Record.id))]
    assert values == [
        {"name": "Ann", "email": "ann@x.test", "age": 30},
        {"email": "nobody"},
        {"name": "=cmd()", "email": "cy@x.test", "age": 41},
    ]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04zip", b"\x00\x01", b'a,b\n"open,1'])
def test_what_is_no_csv_is_refused_with_a_sentence(cast, sign_in, content) -> None:
    answer = upload(sign_in(cast.alice), content)

    if answer.status_code == 303:
        kept = db.session.scalar(select(Import))
        kept.stage, kept.mapping = "running", {}
        db.session.commit()
        importing.run(kept.id)
        assert db.session.scalar(select(Import)).stage in ("failed", "finished")
    else:
        assert answer.status_code == 422
        assert "field-error" in answer.text
        assert db.session.scalar(select(Form)) is None


def test_an_export_is_safe_in_a_spreadsheet(cast, sign_in, tmp_path) -> None:
    form = makers.make_form(cast.workspace, [("=1+1", "ann@x.test"), ("Bo", "bo@x.test")])
    client = sign_in(cast.bob)
    client.post(f"/w/acme/data/{form.id}/export")
    made = db.session.scalar(select(Export))

    exporting.run(made.id, tmp_path)

    text = (tmp_path / f"export-{made.id}.csv").read_text("utf-8-sig")
    assert text.splitlines()[:3] == [
        "Name,Email,Last change",
        f"'=1+1,ann@x.test,{text.splitlines()[1].split(',')[2]}",
        f"Bo,bo@x.test,{text.splitlines()[2].split(',')[2]}",
    ]


def test_an_edit_keeps_what_was_before(cast, sign_in) -> None:
    form = makers.make_form(cast.workspace, [("Ann", "ann@x.test")])
    record = db.session.scalar(select(Record))
    client = sign_in(cast.alice)

    client.post(
        f"/w/acme/data/{form.id}/records/{record.id}/edit",
        data={"field-name": "Anna", "field-email": "anna@x.test"},
    )

    page = client.get(f"/w/acme/data/{form.id}/records/{record.id}").text
    assert "<del>Ann</del> → <ins>Anna</ins>" in page


def test_a_viewer_cannot_change_records(cast, sign_in) -> None:
    form = makers.make_form(cast.workspace, [("Ann", "ann@x.test")])

    answer = sign_in(cast.bob).post(f"/w/acme/data/{form.id}/delete-records", data={"id": "1"})

    assert answer.status_code == 403


def test_deleting_asks_once_and_counts(cast, sign_in) -> None:
    form = makers.make_form(cast.workspace, [("Ann", "ann@x.test"), ("Bo", "bo@x.test")])
    ids = db.session.scalars(select(Record.id)).all()
    client = sign_in(cast.alice)
    url = f"/w/acme/data/{form.id}/delete-records"

    assert "Delete 2 records?" in client.post(url, data={"id": ids}).text
    client.post(url, data={"id": ids, "sure": "y"})

    db.session.expire_all()
    assert db.session.scalar(select(Record)) is None
    assert db.session.get(Form, form.id).record_count == 0
