"""How every answer is made: pages, parts, errors, times."""

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest
from flask import abort
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import TooManyRequests

from webapp import web
from webapp.lib import clock

pytestmark = pytest.mark.database
PART = {"HX-Request": "true", "HX-Target": "div#mails"}
DIALOG = {"HX-Request": "true", "HX-Target": "div#dialog"}
WORDS = {
    403: "Your role does not allow this",
    404: "There is nothing here",
    405: "There is nothing here",
    419: "This page was open for too long",
    429: "Too many tries",
    500: "Something went wrong on our side",
}


@pytest.fixture
def failing(app, monkeypatch):
    """A client, and a switch: how the answer of /healthz fails."""

    def fail(status: int):
        def answer():
            if status == 419:
                raise CSRFError("expired")
            if status == 429:
                raise TooManyRequests
            abort(status)

        monkeypatch.setitem(app.view_functions, "accounts.health", answer)
        return app.test_client()

    return fail


@pytest.mark.parametrize("status", WORDS)
def test_an_error_has_a_page_and_a_part(failing, status) -> None:
    client = failing(status)

    page, part = client.get("/healthz"), client.get("/healthz", headers=PART)

    assert (page.status_code, part.status_code) == (status, status)
    assert WORDS[status] in page.text
    assert WORDS[status] in part.text
    assert "<html" in page.text
    assert "<html" not in part.text


@pytest.mark.parametrize(
    ("why", "status", "words"),
    [
        ("database or disk is full", 507, "disk is full"),
        ("connection refused", 503, "Not ready just now"),
    ],
)
def test_trouble_of_the_database_has_a_page_of_its_own(app, monkeypatch, why, status, words):
    def answer():
        raise OperationalError("INSERT", {}, sqlite3.OperationalError(why))

    monkeypatch.setitem(app.view_functions, "accounts.health", answer)
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)

    page = app.test_client().get("/healthz")

    assert page.status_code == status
    assert words in page.text


def test_an_error_has_a_page_even_without_the_database(failing, app, monkeypatch) -> None:
    def look() -> dict:
        raise OperationalError("SELECT", {}, sqlite3.OperationalError("gone"))

    monkeypatch.setitem(app.template_context_processors, None, [look])

    page = failing(500).get("/healthz")

    assert page.status_code == 500
    assert WORDS[500] in page.text


def test_an_error_where_a_dialog_was_wanted_is_a_dialog(failing) -> None:
    text = failing(403).get("/healthz", headers=DIALOG).text

    assert text.lstrip().startswith("<dialog")
    assert WORDS[403] in text


def test_pages_and_parts_are_kept_apart_by_caches(client) -> None:
    answer = client.get("/sign-in")

    assert "HX-Request" in answer.vary
    assert "no-store" in answer.headers["Cache-Control"]


def test_nothing_inline_is_allowed(client) -> None:
    answer = client.get("/sign-in")

    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    for inline in (" style=", "<style", " onclick=", "javascript:"):
        assert inline not in answer.text


NOW = datetime(2026, 3, 10, 12, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (NOW - timedelta(seconds=50), "11:59:40 UTC"),
        (NOW - timedelta(days=1), "9 Mar, 12:00 UTC"),
        (NOW - timedelta(days=365), "10 Mar 2025"),
    ],
)
def test_times_name_their_zone_and_leave_out_what_is_today(app, monkeypatch, at, text) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    with app.test_request_context():
        assert web.brief_moment(at) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(5, "now"), (59, "59 s ago"), (61, "1 min ago"), (7200, "2 h ago"), (-3600, "in 1 h"),
     (86400 * 3, "3 d ago")],
)  # fmt: skip
def test_times_are_also_distances(monkeypatch, seconds, text) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)

    assert web.ago(NOW - timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("target", "kept"),
    [
        ("/w/acme/data?q=x", True),
        ("//evil.test/", False),
        ("/\\evil.test", False),
        ("https://evil.test/", False),
        ("/a\nb", False),
        (None, False),
    ],
)
def test_next_never_leads_away(target, kept) -> None:
    assert web.local_path(target, "/") == (target if kept else "/")
