"""The bell, the page behind it, and the link in every mail that ends them."""

import pytest

from webapp.accounts import telling
from webapp.accounts.models_telling import Mute, Tiding, TidingKind
from webapp.extensions import db

pytestmark = pytest.mark.database
PAGE = "/w/acme/notifications"


@pytest.fixture
def tiding(cast) -> Tiding:
    made = Tiding(
        workspace_id=cast.workspace.id, user_id=cast.alice.id, kind=TidingKind.STOPPED,
        title="Stopped: <b>Hi</b>", text="6 of 100 <i>bounced</i>.", path="/w/acme/emails",
    )  # fmt: skip
    db.session.add(made)
    db.session.commit()
    return made


def test_the_bell_counts_what_is_unread_in_words_too(cast, sign_in, tiding) -> None:
    alice = sign_in(cast.alice)

    assert 'aria-label="Notifications, 1 unread"' in alice.get(PAGE).text
    assert alice.post(f"{PAGE}/{tiding.id}/read").status_code == 303
    assert 'aria-label="Notifications"' in alice.get(f"{PAGE}/bell").text


def test_every_kind_has_its_line(cast, sign_in) -> None:
    for kind in TidingKind:
        db.session.add(Tiding(workspace_id=cast.workspace.id, user_id=cast.alice.id, kind=kind,
                              title=f"About {kind}", path="/w/acme/emails"))  # fmt: skip
    db.session.commit()

    page = sign_in(cast.alice).get(PAGE).text
    assert all(f"About {kind}" in page for kind in TidingKind)


def test_what_comes_from_outside_is_shown_as_text(cast, sign_in, tiding) -> None:
    page = sign_in(cast.alice).get(PAGE).text

    assert "Stopped: &lt;b&gt;Hi&lt;/b&gt;" in page
    assert "<i>bounced</i>" not in page


def test_everybody_has_their_own(cast, sign_in, tiding) -> None:
    bob = sign_in(cast.bob)

    assert "Nothing yet" in bob.get(PAGE).text
    assert bob.post(f"{PAGE}/{tiding.id}/read").status_code == 404
    bob.post(f"{PAGE}/read")
    assert telling.unread(cast.workspace.id, cast.alice.id) == 1


def test_all_are_read_at_once(cast, sign_in, tiding) -> None:
    alice = sign_in(cast.alice)
    alice.post(f"{PAGE}/read")

    assert "1 marked as read." in alice.get(PAGE).text
    assert telling.unread(cast.workspace.id, cast.alice.id) == 0


def test_the_link_in_a_mail_asks_first_and_takes_one_click_posts(app, cast, client) -> None:
    token = telling.mute_token(app.config["TOKEN_KEY"], TidingKind.STOPPED, cast.bob.id)
    url = f"/no-mails/stopped/{token}"

    assert "Send me no more of them" in client.get(url).text
    assert db.session.query(Mute).count() == 0
    answer = client.post(url, data={"List-Unsubscribe": "One-Click"})
    assert "gets no more mails of this kind" in answer.text
    assert telling.muted(cast.bob) == {"stopped"}
    client.post(url, data={"again": "yes"})
    db.session.rollback()
    assert telling.muted(cast.bob) == set()


@pytest.mark.parametrize("path", ["/no-mails/stopped/1-00", "/no-mails/nothing/1-00"])
def test_a_made_up_link_opens_nothing(app, client, path) -> None:
    assert client.post(path).status_code == 404


def test_kinds_are_chosen_in_the_account(cast, sign_in) -> None:
    alice = sign_in(cast.alice)
    alice.post("/account/mails", data={"mail": ["finished"]})

    assert telling.muted(cast.alice) == set(TidingKind) - {"finished"}
    assert alice.get("/account").text.count(" checked>") == 1
