"""A draft keeps what was typed, and says at its field what is wrong."""

from dataclasses import replace

import pytest

from tests import makers
from webapp.accounts.models import Workspace
from webapp.bulk_email import audience, composing, sending
from webapp.bulk_email.composing import DraftInput
from webapp.bulk_email.models import Stage
from webapp.extensions import db
from webapp.forms.models import View

pytestmark = pytest.mark.database
CONTROLS = ["a\r\nBcc: x@y.z", "a\nb", "a\rb", "a\x85b", "a\u2028b", "a\u2029b", "a\x0bb", "a\x1bb"]


@pytest.fixture
def form(cast):
    return makers.make_form(cast.workspace, [("Ann", "ann@x.test"), ("Bo", "bo@x.test")])


@pytest.fixture
def draft(cast, form):
    return makers.make_email(form, makers.make_connection(cast.workspace))


def typed(draft, **changes) -> DraftInput:
    """The page of `draft`, with something else typed."""
    return replace(
        DraftInput(
            form_id=draft.form_id,
            address_field_id=draft.address_field_id,
            view_id=None,
            condition=("", "", ""),
            one_per="address",
            subject=draft.subject,
            body=draft.body,
            from_name=draft.from_name,
            from_address=draft.from_address,
            reply_to=draft.reply_to,
            connection_id=draft.connection_id,
        ),
        **changes,
    )


def test_a_new_draft_has_form_sender_and_connection_filled_in(cast, draft) -> None:
    new = composing.new_draft(cast.workspace, cast.alice)

    assert (new.form_id, new.connection_id) == (draft.form_id, draft.connection_id)
    assert new.from_address == "ann@acme.test"
    assert set(composing.problems(new)) == {"subject", "body"}


def test_a_draft_without_anything_says_what_to_do(cast) -> None:
    found = composing.problems(composing.new_draft(cast.workspace, cast.alice))

    assert {"form_id", "connection_id", "from_address", "subject", "body"} == set(found)
    assert all(text.endswith(".") for text in found.values())


def test_what_is_wrong_is_kept_and_said_at_its_field(draft) -> None:
    found = composing.save(
        draft, typed(draft, subject="Hi {{ nmae }}", body="{% if %}", reply_to="nobody")
    )

    assert set(found) == {"subject", "body", "reply_to"}
    assert "nmae" in found["subject"]
    assert (draft.subject, draft.body, draft.reply_to) == ("Hi {{ nmae }}", "{% if %}", "nobody")


@pytest.mark.parametrize("value", CONTROLS)
@pytest.mark.parametrize("field", ["subject", "from_name", "from_address", "reply_to"])
def test_what_could_end_a_header_is_refused(draft, field, value) -> None:
    address = value + "@x.test" if field in ("from_address", "reply_to") else value

    assert field in composing.save(draft, typed(draft, **{field: address}))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("subject", "x" * 901),
        ("body", "x" * 100_001),
        ("from_name", "x" * 121),
        ("from_address", "x" * 300 + "@x.test"),
        ("body", "{{ name }}" * 501),
        ("body", "{{ name" * 30_000),
    ],
)
def test_absurd_sizes_are_refused_with_a_sentence(draft, field, value) -> None:
    found = composing.save(draft, typed(draft, **{field: value}))

    assert found[field].endswith(".")
    assert len(found[field]) < 300


def test_a_text_that_is_too_long_is_kept_to_be_shortened(draft) -> None:
    composing.save(draft, typed(draft, body="x" * 300_000))

    assert len(draft.body) == 300_000


def test_nul_is_left_out_where_no_database_takes_it(draft) -> None:
    composing.save(draft, typed(draft, body="a\0b", subject="c\0d", from_name="e\0f"))

    assert (draft.body, draft.subject, draft.from_name) == ("ab", "cd", "ef")


def test_another_workspaces_rows_cannot_be_chosen(cast, draft) -> None:
    elsewhere = db.session.query(Workspace).filter_by(slug="elsewhere").one()
    form = makers.make_form(elsewhere, [("Eve", "eve@x.test")])
    connection = makers.make_connection(elsewhere)
    view = View(form_id=form.id, name="Theirs")
    db.session.add(view)
    db.session.commit()
    before = draft.connection_id

    found = composing.save(draft, typed(draft, connection_id=connection.id, view_id=view.id))
    assert "gone" in found["filter"]
    assert draft.connection_id == before
    assert "form_id" in composing.save(draft, typed(draft, form_id=form.id))


def test_another_form_clears_the_filter_and_takes_its_address_field(cast, draft) -> None:
    composing.save(draft, typed(draft, condition=("name", "is", "Ann")))
    other = makers.make_form(cast.workspace, [("Cy", "cy@x.test")])

    composing.save(draft, typed(draft, form_id=other.id, condition=("name", "is", "Ann")))

    assert draft.filter == {}
    assert draft.address_field_id in {field.id for field in other.fields}


@pytest.mark.parametrize(
    ("condition", "words"), [(("gone", "is", "x"), "no field gone"), (("name", "~", "x"), "~")]
)
def test_a_filter_that_cannot_be_met_is_no_letter_to_everybody(draft, condition, words) -> None:
    found = composing.save(draft, typed(draft, condition=condition))

    assert words in found["filter"]
    assert draft.filter["condition"] == list(condition)


def test_a_view_and_a_condition_are_both_met(draft, form) -> None:
    view = View(form_id=form.id, name="A", settings={"query": "field=name&op=contains&value=n"})
    db.session.add(view)
    db.session.commit()

    composing.save(draft, typed(draft, view_id=view.id, condition=("email", "contains", "x")))

    assert audience.count(draft).selected == 1


def test_a_view_counts_as_it_is_when_sending_begins(draft, form) -> None:
    view = View(form_id=form.id, name="A", settings={"query": "field=name&op=is&value=Ann"})
    db.session.add(view)
    db.session.commit()
    composing.save(draft, typed(draft, view_id=view.id))
    view.settings = {"query": "field=name&op=filled"}
    db.session.commit()

    sending.start(draft, nonce="n", by=None, tracked=True)

    assert draft.expected == 2


def test_what_was_sent_cannot_be_changed(draft) -> None:
    makers.start(draft)

    assert "Duplicate it" in composing.save(draft, typed(draft, subject="Other"))["form"]
    assert draft.subject != "Other"


def test_a_duplicate_is_a_draft_that_says_the_same(cast, draft) -> None:
    makers.start(draft)

    copy = composing.duplicate(draft, cast.alice)

    assert (copy.subject, copy.body, copy.form_id) == (draft.subject, draft.body, draft.form_id)
    assert (copy.stage, copy.nonce, copy.template) == (Stage.DRAFT, None, None)


def test_opens_and_clicks_are_counted_only_when_asked_for(cast, draft) -> None:
    assert (draft.track_opens, draft.track_clicks) == (False, False)

    composing.save(draft, typed(draft, track_clicks=True))
    assert (draft.track_opens, draft.track_clicks) == (False, True)

    composing.save(draft, typed(draft))
    assert not draft.track_clicks
