"""The search box of the bar: people in all forms at once."""

import pytest

from tests import makers
from webapp.email_tracker import introducing
from webapp.plugins import catalogue, installing

pytestmark = pytest.mark.database
SEARCH = "/w/acme/people-search"


def test_a_person_is_found_in_their_form_and_among_the_copies(cast, sign_in) -> None:
    for name in ("bulk_email", "email_tracker"):
        installing.install(cast.workspace, catalogue.find(name), cast.alice)
    form = makers.make_form(cast.workspace, [("Ann Lee", "ann@x.test"), ("Bo", "bo@x.test")])
    email = makers.make_email(form, makers.make_connection(cast.workspace))
    makers.start(email)
    introducing.introduce_some(email.id)

    text = sign_in(cast.bob).get(f"{SEARCH}?q=ann").text

    assert text.count(">Ann Lee</a>") == 2
    assert "People</h2>" in text
    assert "People written to</h2>" in text
    assert "bo@x.test" not in text


def test_more_than_a_page_shows_leads_to_the_grid(cast, sign_in) -> None:
    form = makers.make_form(cast.workspace, [(f"Ann {n}", f"a{n}@x.test") for n in range(12)])

    text = sign_in(cast.bob).get(f"{SEARCH}?q=ann").text

    assert text.count('class="row-link"') == 10
    assert f'href="/w/acme/data/{form.id}?q=ann"' in text


@pytest.mark.parametrize(("q", "said"), [("zoe", "Nobody found"), ("", "Who are you looking for?")])
def test_finding_nobody_says_so(cast, sign_in, q, said) -> None:
    makers.make_form(cast.workspace, [("Ann", "ann@x.test")])

    assert said in sign_in(cast.bob).get(f"{SEARCH}?q={q}").text


def test_what_was_typed_is_shown_as_text(cast, sign_in) -> None:
    text = sign_in(cast.bob).get(f"{SEARCH}?q=<script>alert(1)</script>").text

    assert "<script>alert" not in text
