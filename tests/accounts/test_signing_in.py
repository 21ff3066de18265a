"""Sessions end at the server, passwords come back by mail, and guessing is slow and blind."""

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from tests.cast import PASSWORD
from webapp.accounts import signing_in
from webapp.accounts.models import AuditEntry, Letter, SignIn
from webapp.extensions import db

pytestmark = pytest.mark.database
NEW = "another good password"


def thief_of(app, client: FlaskClient) -> FlaskClient:
    """Another browser with all cookies of this one."""
    other = app.test_client()
    for cookie in client._cookies.values():
        other.set_cookie(cookie.key, cookie.value)
    return other


def is_in(client: FlaskClient) -> bool:
    return client.get("/account").status_code == 200


def sign_in_page(app, address: str, password: str, **more):
    return app.test_client().post("/sign-in", data={"email": address, "password": password} | more)


def body(answer) -> str:
    """The page without what the time is in."""
    return re.sub(r"csrf_token\" value=\"[^\"]+|X-CSRFToken\": \"[^\"]+|\d{13}", "", answer.text)


def test_a_copied_cookie_is_dead_after_signing_out(app, cast, sign_in) -> None:
    client = sign_in(cast.alice)
    thief = thief_of(app, client)
    assert is_in(thief)

    client.post("/account/sign-out")

    assert not is_in(client)
    assert not is_in(thief)


def test_signing_in_anew_ends_what_this_browser_had(app, cast, sign_in) -> None:
    client = sign_in(cast.alice)
    thief = thief_of(app, client)
    client.post("/account/sign-out")
    client.post("/sign-in", data={"email": "alice@example.org", "password": PASSWORD})

    assert is_in(client)
    assert not is_in(thief)
    keys = db.session.query(SignIn.key_hash).all()
    assert len(set(keys)) == len(keys) == 2


def test_keeping_signed_in_makes_the_same_cookie_last(app, cast) -> None:
    answer = sign_in_page(app, "alice@example.org", PASSWORD, remember="y")
    (cookie,) = answer.headers.getlist("Set-Cookie")
    assert cookie.startswith("session=")
    assert "Expires=" in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    usual = sign_in_page(app, "alice@example.org", PASSWORD)
    assert "Expires=" not in usual.headers["Set-Cookie"]


def test_changing_the_password_ends_every_other_session(app, cast, sign_in) -> None:
    mine, other = sign_in(cast.alice), sign_in(cast.alice)
    thief = thief_of(app, mine)
    typed = {"password": PASSWORD, "new_password": NEW, "new_password_confirm": NEW}

    assert mine.post("/change-password", data=typed).location == "/account"

    assert [is_in(client) for client in (mine, other, thief)] == [True, False, False]
    assert len(signing_in.active(cast.alice)) == 1
    assert db.session.query(AuditEntry.action).all() == [("user.password_changed",)]
    assert db.session.query(Letter.subject).all() == [("Your password was changed",)]


def test_a_password_comes_back_by_mail_once(app, cast, sign_in) -> None:
    client, before = app.test_client(), sign_in(cast.alice)
    client.post("/reset", data={"email": "alice@example.org"}, headers={"Host": "evil.test"})
    link = re.search(r"http://\S+", db.session.query(Letter).one().text)[0]
    assert link.startswith("http://localhost/reset/")

    typed = {"password": NEW, "password_confirm": NEW}
    assert client.post(link, data=typed).location == "/sign-in"

    assert not is_in(before)
    assert sign_in_page(app, "alice@example.org", NEW).status_code == 302
    assert client.post(link, data=typed).location == "/reset"
    assert sign_in_page(app, "alice@example.org", PASSWORD).status_code == 200


def test_a_reset_link_dies_of_age(app, cast, monkeypatch) -> None:
    monkeypatch.setitem(app.config, "SECURITY_RESET_PASSWORD_WITHIN", timedelta(seconds=-1))
    client = app.test_client()
    client.post("/reset", data={"email": "alice@example.org"})
    link = re.search(r"http://\S+", db.session.query(Letter).one().text)[0]
    assert client.get(link).location == "/reset"


def test_disabling_ends_every_session_for_good(app, cast, sign_in) -> None:
    client = sign_in(cast.alice)
    signing_in.disable(cast.alice)
    assert not is_in(client)
    assert sign_in_page(app, "alice@example.org", PASSWORD).status_code == 200

    signing_in.enable(cast.alice)
    assert not is_in(client)
    assert sign_in_page(app, "alice@example.org", PASSWORD).status_code == 302


def test_signing_out_everywhere_else_keeps_this_one(cast, sign_in) -> None:
    mine, other = sign_in(cast.alice), sign_in(cast.alice)
    mine.post("/account/sign-out-everywhere")
    assert (is_in(mine), is_in(other)) == (True, False)


def test_an_unknown_account_cannot_be_told_from_a_wrong_password(app, cast) -> None:
    signing_in.disable(cast.charlie)
    pages = [
        body(sign_in_page(app, f"{name}@example.org", "wrong password")).replace(name, "")
        for name in ("alice", "nobody", "charlie")
    ]
    assert pages[0] == pages[1] == pages[2]
    assert "alice@example.org" not in pages[1]


def test_asking_for_a_reset_says_the_same_to_everybody(app, cast) -> None:
    pages = [
        body(app.test_client().post("/reset", data={"email": f"{name}@example.org"}))
        for name in ("alice", "nobody")
    ]
    assert pages[0].replace("alice", "nobody") == pages[1]
    assert db.session.query(Letter.address).all() == [("alice@example.org",)]


@pytest.mark.throttled
def test_guessing_is_throttled_by_place(app, cast) -> None:
    statuses = [sign_in_page(app, f"{n}@example.org", "x").status_code for n in range(11)]
    assert statuses == [200] * 10 + [429]
    assert sign_in_page(app, "alice@example.org", PASSWORD).status_code == 429


@pytest.mark.throttled
def test_guessing_at_one_account_from_everywhere_is_throttled(app, cast) -> None:
    client, last = app.test_client(), 0
    for number in range(101):
        place = {"REMOTE_ADDR": f"10.0.0.{number}"}
        typed = {"email": "bob@example.org"}  # blank passwords are counted as well, and quick
        last = client.post("/sign-in", data=typed, environ_overrides=place).status_code
    assert last == 429


@pytest.mark.throttled
def test_signing_in_works_while_redis_is_away(app, cast, monkeypatch) -> None:
    from webapp.extensions import limiter

    monkeypatch.setattr(limiter, "_storage_dead", True)
    assert sign_in_page(app, "alice@example.org", PASSWORD).status_code == 302


@pytest.mark.parametrize(
    "target", ["//evil.test", "https://evil.test", "/\\evil.test", "///evil.test", "https:evil"]
)
def test_next_never_leads_away(app, cast, target: str) -> None:
    client = app.test_client()
    typed = {"email": "alice@example.org", "password": PASSWORD}
    answer = client.post("/sign-in", query_string={"next": target}, data=typed)
    assert (answer.location or "/").startswith("/")
    assert not (answer.location or "/").startswith(("//", "/\\"))


def test_an_ended_session_sends_htmx_to_the_sign_in_page(app, cast) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://localhost/w/acme/data?q=1"}
    answer = app.test_client().get("/w/acme/data", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/sign-in?next=/w/acme/data?q%3D1"


def test_no_password_is_ever_shown(app, cast, sign_in) -> None:
    page = sign_in_page(app, "alice@example.org", "a wrong secret").text
    pages = (
        page
        + sign_in(cast.alice).get("/account").text
        + sign_in(cast.alice).get("/w/acme/people").text
    )
    assert "a wrong secret" not in pages
    assert PASSWORD not in pages
    assert cast.alice.password not in pages
    assert cast.alice.fs_uniquifier not in pages


def test_a_strangers_json_is_not_read_to_find_out_who_he_is(client) -> None:
    deep = client.post("/hooks/none/none", data=b"[" * 200_000, content_type="application/json")
    assert deep.status_code == 404
