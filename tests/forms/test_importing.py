"""From a file to records: all of it or nothing, whoever dies on the way."""

import html
import re

import pytest
from sqlalchemy import func, select, update

from webapp.columns import database_now
from webapp.extensions import db
from webapp.forms import claiming, importing, jobs, writing
from webapp.forms.models import FieldKind, Form, Import, Record, RecordAddress, TransferStage
from webapp.lib import stopping

pytestmark = pytest.mark.database
MAPPING = {"0": "new:text", "1": "new:email", "2": "new:number"}
ROWS = b"Name,Email,Age\n" + b"".join(b"P%d,p%d@x.test,%d\n" % (n, n, n) for n in range(25))


@pytest.fixture
def form(cast) -> Form:
    form = writing.create_form(cast.workspace, "People", [])
    db.session.commit()
    return form


@pytest.fixture
def begun(cast, form: Form, monkeypatch):
    """`begun(content)`: an import whose mapping is said, in chunks of ten rows."""
    monkeypatch.setattr(importing, "CHUNK", 10)

    def make(content: bytes = ROWS, mapping: dict = MAPPING) -> Import:
        kept = importing.upload(form, cast.alice, "p.csv", content)
        names = content.decode("utf-8", "replace").splitlines()[0].split(",")
        assert importing.begin(kept, mapping, names)
        return kept

    return make


def visible(form: Form) -> int:
    return db.session.scalar(select(func.count()).where(Record.form_id == form.id))


def free(kept: Import) -> None:
    """As if the lease of a worker that died had ended."""
    db.session.execute(update(Import).values(lease_until=database_now(-1)))
    db.session.commit()


def die_after(chunks: int, monkeypatch) -> None:
    real, done = importing._keep, []

    def keep(*args) -> None:
        if len(done) == chunks:
            raise KeyboardInterrupt
        done.append(real(*args))

    monkeypatch.setattr(importing, "_keep", keep)


def test_all_rows_become_records_with_addresses(form: Form, begun) -> None:
    kept = begun()
    importing.run(kept.id)

    assert (kept.stage, kept.rows_done, kept.rows_refused) == ("finished", 25, 0)
    assert visible(form) == form.record_count == 25
    assert db.session.scalar(select(func.count(RecordAddress.address_key))) == 25
    assert db.session.scalar(select(func.count(Form.id))) == 1
    first = db.session.scalar(select(Record).order_by(Record.id))
    assert first.values == {"name": "P0", "email": "p0@x.test", "age": 0}


def test_a_worker_that_dies_is_followed_where_it_was(form: Form, begun, monkeypatch) -> None:
    kept = begun()
    with monkeypatch.context() as patch:
        die_after(2, patch)
        with pytest.raises(KeyboardInterrupt):
            importing.run(kept.id)
    db.session.rollback()
    assert (visible(form), kept.rows_done, kept.stage) == (0, 20, "running")

    importing.run(kept.id)
    assert visible(form) == 0  # the lease is not over: nobody else is at it
    free(kept)
    importing.run(kept.id)

    names = {record.values["name"] for record in db.session.scalars(select(Record))}
    assert (visible(form), len(names)) == (25, 25)


def test_a_worker_that_slept_too_long_stops(form: Form, begun, monkeypatch) -> None:
    kept = begun()
    old = claiming.claim(Import, kept.id)
    free(kept)
    importing.run(kept.id)

    with pytest.raises(claiming.Lost):
        claiming.keep(Import, kept.id, old, rows_done=0)
    assert (visible(form), kept.rows_done) == (25, 25)


def test_asked_to_stop_it_stops_and_goes_on_later(form: Form, begun) -> None:
    kept = begun()
    stopping.ask()
    try:
        importing.run(kept.id)
    finally:
        stopping.forget()
    assert (kept.rows_done, visible(form)) == (10, 0)

    assert importing.waiting() == [kept.id]
    importing.run(kept.id)
    assert visible(form) == 25


def test_the_clock_wakes_for_what_nobody_is_at(app, begun) -> None:
    kept = begun()
    jobs.tick()
    assert app.extensions["redis"].exists(f"bell:webapp.forms.jobs:run_import:{kept.id}")


def test_what_never_gets_further_ends_with_nothing(form: Form, begun, monkeypatch) -> None:
    kept = begun()
    die_after(0, monkeypatch)
    for _ in range(claiming.MAX_TRIES):
        with pytest.raises(KeyboardInterrupt):
            importing.run(kept.id)
        db.session.rollback()
        free(kept)
    importing.give_up_hopeless()

    assert (kept.stage, kept.content, visible(form)) == (TransferStage.FAILED, b"", 0)
    assert db.session.scalars(select(Form.id)).all() == [form.id]


def test_an_unclosed_quote_brings_nothing_in(form: Form, begun) -> None:
    kept = begun(ROWS + b'"open,x@x.test,1\nP99,p99@x.test,1\n')
    importing.run(kept.id)

    assert kept.stage == TransferStage.FAILED
    assert kept.error == "Line 27: a quote is opened here and never closed."
    assert db.session.scalar(select(func.count(Record.id))) == 0


def test_refused_rows_are_reported_by_line_and_reason(form: Form, begun) -> None:
    content = (
        b'Name,Email,Age\nAnn,a@x.test,old\n\n"B"o,b@x.test,1\nCy,c@x.test,1,more\nDi,d@x.test,2\n'
    )
    kept = begun(content)
    importing.run(kept.id)

    reasons = [(line, reason[:22]) for line, reason, _ in importing.refused(kept.id)]
    assert reasons == [
        (2, "Age must be a number, "), (4, "This line cannot be sp"), (5, "The row has 4 cells, b")
    ]  # fmt: skip
    assert visible(form) == importing.count_written(kept) == 1


def test_hostile_cells_are_kept_as_text(form: Form, begun) -> None:
    blank = b"\n" * 4096  # a NUL further up says that it is no CSV
    kept = begun(b"Name,Email,Age\n" + blank + b'=cmd()|x\x00,"<script>",7\n"a\x00",b,\x00x\n')
    importing.run(kept.id)

    record = db.session.scalar(select(Record))
    assert record.values == {"name": "=cmd()|x", "email": "<script>", "age": 7}
    ((_, reason, cells),) = importing.refused(kept.id)
    assert "\x00" not in reason + "".join(cells.values())


def test_a_field_removed_meanwhile_is_left_out(form: Form, begun) -> None:
    kept = begun()
    writing.delete_field(form.fields[2])
    db.session.commit()
    importing.run(kept.id)

    assert visible(form) == 25
    assert set(db.session.scalar(select(Record)).values) == {"name", "email"}


def test_a_form_deleted_meanwhile_leaves_nothing(form: Form, begun, monkeypatch) -> None:
    kept = begun()
    die_after(1, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        importing.run(kept.id)
    db.session.rollback()
    db.session.delete(form)
    db.session.commit()

    assert db.session.scalar(select(func.count(Form.id))) == 0
    assert db.session.scalar(select(func.count(Record.id))) == 0


def test_beginning_twice_begins_once(form: Form, begun) -> None:
    kept = begun()
    assert not importing.begin(kept, MAPPING, ["Name", "Email", "Age"])
    assert [field.label for field in form.fields] == ["Name", "Email", "Age"]


def test_too_large_a_file_is_refused(cast, form: Form, monkeypatch) -> None:
    monkeypatch.setattr(importing, "MAX_BYTES", 10)
    with pytest.raises(importing.NotCsv, match="larger than 50 MB"):
        importing.upload(form, cast.alice, "p.csv", b"Name\n" + b"x" * 10)


def test_each_field_is_suggested_once(cast, form: Form) -> None:
    writing.add_field(form, "Email", FieldKind.EMAIL)
    names, sample = ["email", "Email", "Other", "Name"], [["a@x.test", "b@x.test", "c@x.test", "C"]]
    assert importing.suggested_mapping(form, names, sample) == {
        0: "email", 1: "new:email", 2: "new:email", 3: "new:text"
    }  # fmt: skip


def test_a_column_of_days_is_suggested_as_dates(form: Form) -> None:
    rows = ("2026-03-01,2026-03-01,01.03.2026,2026-02-30", ",soon,2.3.2026,2026-02-01")
    sample = [row.split(",") for row in rows]
    assert list(importing.suggested_mapping(form, list("abcd"), sample).values()) == [
        "new:date", "new:text", "new:text", "new:text",
    ]  # fmt: skip


def test_who_cannot_be_written_to_is_counted_and_shown(form: Form, begun, sign_in, cast) -> None:
    rows = b"Name,Email,Second\nAnn,ann@x.test,\nBo,,\nCy,nobody,cy@x.test\nDee,at home,\nEd\n"
    kept = begun(rows, {"0": "new:text", "1": "new:email", "2": "new:email"})
    importing.run(kept.id)
    assert kept.rows_unusable == 3

    client = sign_in(cast.alice)
    report = client.get(f"/w/acme/data/{form.id}/imports/{kept.id}").text
    assert "3 records have no usable address" in report
    link = re.search(rf'href="(/w/acme/data/{form.id}\?[^"]+unusable[^"]+)"', report)[1]
    shown = client.get(html.unescape(link)).text
    assert [name in shown for name in ("Ann<", "Bo<", "Cy<", "Dee<", "Ed<")] == [
        False, True, False, True, True,
    ]  # fmt: skip


def test_a_form_without_addresses_says_nothing_of_them(begun) -> None:
    kept = begun(b"Name\nAnn\n", {"0": "new:text"})
    importing.run(kept.id)
    assert kept.rows_unusable == 0
