"""What an email says is frozen at its start."""

from datetime import UTC, datetime

import pytest

from tests import makers
from webapp.bulk_email import freezing
from webapp.delivery.models_following import FollowedLink
from webapp.extensions import db
from webapp.forms import writing
from webapp.forms.models import FieldKind
from webapp.mail import merging
from webapp.mail.merging import MergeError
from webapp.mail.template import Copy

pytestmark = pytest.mark.database
DATE = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


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
        (["First Name", "Surname", "E-mail"], ["first_name", "surname"]),
        (["Full name", "First name"], ["full_name"]),
        (["Company name"], ["company_name"]),
        (["Town"], []),
    ],
)
def test_a_persons_name_is_found_in_the_usual_fields(cast, labels, keys) -> None:
    form = writing.create_form(cast.workspace, "F", [(label, FieldKind.TEXT) for label in labels])

    assert freezing.name_fields(form) == keys


def message(frozen, links=None) -> bytes:
    copy = Copy(
        "1-a", "ann@x.test", "Ann", {"name": "Ann"}, DATE, "https://app.test/u/1", "", links or {}
    )
    return freezing.compiled(frozen, lambda token: {}).fill(copy).content


def test_where_nothing_is_counted_every_octet_is_as_before(draft) -> None:
    draft.body = "[here](https://x.test/a?b=1)"
    frozen = freezing.freeze(draft)

    assert freezing.followed(frozen, draft) == (frozen, [])
    assert b"app.test/c/" not in message(frozen)


def test_where_clicks_are_counted_the_text_part_stays(draft) -> None:
    draft.body = "[here](https://x.test/a?b=1)"
    draft.track_clicks = True
    before = freezing.freeze(draft)

    frozen, [link] = freezing.followed(before, draft)
    addresses = {f"_link_{number}": f"https://app.test/c/{number}/1-b" for number in (0, 1)}
    mail = message(frozen, addresses)

    assert (link.number, link.target) == (1, "https://x.test/a?b=1")
    assert mail.partition(b"text/html")[0] == message(before).partition(b"text/html")[0]
    assert b"https://app.test/c/1/1-b" in mail


def test_what_is_counted_is_fixed_at_the_start(draft) -> None:
    draft.body = "[here](https://x.test)"
    makers.start(draft)
    draft.track_opens = draft.track_clicks = True
    db.session.commit()

    assert "following" not in draft.template
    assert db.session.query(FollowedLink).count() == 0


def test_who_is_not_tracked_is_not_counted(draft) -> None:
    draft.body, draft.track_clicks = "[here](https://x.test)", True

    makers.start(draft, tracked=False)

    assert "following" not in draft.template
