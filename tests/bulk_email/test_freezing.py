"""What an email says is frozen at its start."""

import pytest

from tests import makers
from webapp.bulk_email import freezing
from webapp.extensions import db
from webapp.forms import writing
from webapp.forms.models import FieldKind
from webapp.mail import merging
from webapp.mail.merging import MergeError

pytestmark = pytest.mark.database


@pytest.fixture
def draft(cast):
    form = makers.make_form(cast.workspace, [("Ann", "ann@x.test")])
    return makers.make_email(form, makers.make_connection(cast.workspace))


def test_only_the_fields_that_are_used_are_frozen(draft) -> None:
    draft.body = "Dear {{ name }}"

    assert freezing.freeze(draft)["fields"] == ["name"]


def test_later_edits_change_nothing(draft) -> None:
    makers.start(draft)
    before = dict(draft.template)
    draft.subject, draft.body, draft.workspace.name = "Other", "Other", "Other"
    db.session.commit()

    db.session.expire_all()
    assert draft.template == before


def test_every_mail_says_who_sends_it_and_how_to_end_it(draft) -> None:
    draft.workspace.postal_address = "1 Quay Street"

    frozen = freezing.freeze(draft)

    for text in (frozen["html"], frozen["text"]):
        assert "You get this mail from Acme Grants." in text
        assert "{{ unsubscribe_url }}" in text
        assert "1 Quay Street" in text


def test_the_workspaces_name_is_no_template(draft) -> None:
    draft.workspace.name = "A <&> {{ name }} {% if %} {{{ x"

    frozen = freezing.freeze(draft)

    values = {"name": "Ann", "unsubscribe_url": "u"}
    assert "A <&> {{ name }} {% if %} {{{ x." in merging.render(frozen["text"], values)
    html = merging.render(frozen["html"], values, escaped=True)
    assert "A &lt;&amp;&gt; {{ name }} {% if %} {{{ x." in html


@pytest.mark.parametrize(
    "body", ["{% if %}", "{{ ''.__class__ }}", "{{ name " * 9, "{{ name }}" * 600]
)
def test_what_cannot_be_compiled_is_refused(draft, body) -> None:
    draft.body = body

    with pytest.raises(MergeError):
        freezing.freeze(draft)


@pytest.mark.parametrize(
    ("labels", "keys"),
    [
        (["Name"], ["name"]),
        (["First name", "Last name"], ["first_name", "last_name"]),
        (["Full name", "First name"], ["full_name"]),
        (["Company name"], ["company_name"]),
        (["Town"], []),
    ],
)
def test_a_persons_name_is_found_in_the_usual_fields(cast, labels, keys) -> None:
    form = writing.create_form(cast.workspace, "F", [(label, FieldKind.TEXT) for label in labels])

    assert freezing.name_fields(form) == keys
