"""What holds on every route: the token, the origin, the policy; and what no route falls over."""

import io
import os
import re
from pathlib import Path

import pytest
from flask import Flask
from rq import Queue
from rq.serializers import DefaultSerializer

from tests import makers
from webapp import settings
from webapp.queue import Lane
from webapp.running.working import LaneWorker

pytestmark = pytest.mark.database
# Mail providers and mail programs post here: a signature, or the token of the URL, is the proof
EXEMPT = {"hooks.receive", "public.unsubscribe", "tidings.no_mails"}
FOREIGN = ["https://evil.test", "http://localhost.evil.test", "http://localhost:81", "null"]


@pytest.fixture
def guarded(app: Flask, monkeypatch) -> Flask:
    """The app with its guard on, as it runs."""
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)
    return app


def paths(app: Flask, method: str) -> dict[str, str]:
    """{endpoint: a path of it}, for every route that takes `method`."""
    found = {}
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<int:\w+>", "1", rule.rule).replace("<slug>", "acme")
        if method in rule.methods:
            found[rule.endpoint] = re.sub(r"<[^>]+>", "x", path)
    return found


def token_of(client) -> str:
    return client.get("/account").text.split('X-CSRFToken": "')[1].split('"')[0]


def test_nothing_but_posts_changes_anything(app: Flask) -> None:
    verbs = {verb for rule in app.url_map.iter_rules() for verb in rule.methods}
    assert verbs == {"GET", "HEAD", "OPTIONS", "POST"}


def test_no_post_without_a_token(guarded: Flask, cast) -> None:
    client = guarded.test_client()
    statuses = {
        name: client.post(path).status_code for name, path in paths(guarded, "POST").items()
    }
    let_in = {name for name, status in statuses.items() if status != 419}
    assert let_in == EXEMPT & set(statuses)


@pytest.mark.parametrize("origin", FOREIGN)
def test_no_post_from_a_foreign_page_even_with_a_token(guarded, cast, sign_in, monkeypatch, origin):
    monkeypatch.setitem(guarded.config, "WTF_CSRF_ENABLED", False)
    client = sign_in(cast.alice)
    monkeypatch.setitem(guarded.config, "WTF_CSRF_ENABLED", True)
    headers = {"Origin": origin, "X-CSRFToken": token_of(client)}
    posts = paths(guarded, "POST")

    refused = {
        n for n, path in posts.items() if client.post(path, headers=headers).status_code == 419
    }

    assert refused == set(posts) - EXEMPT


def test_a_post_with_its_token_from_our_own_page_is_let_in(guarded, cast, sign_in, monkeypatch):
    monkeypatch.setitem(guarded.config, "WTF_CSRF_ENABLED", False)
    client = sign_in(cast.alice)
    monkeypatch.setitem(guarded.config, "WTF_CSRF_ENABLED", True)
    headers = {"Origin": "http://localhost", "X-CSRFToken": token_of(client)}

    assert client.post("/workspaces/new", data={"name": "New"}, headers=headers).status_code == 303


def test_every_answer_has_a_strict_policy(app: Flask, cast, sign_in) -> None:
    client = sign_in(cast.alice)
    makers.make_form(cast.workspace, [("Ann", "ann@x.test")])
    answers = [client.get(path) for path in paths(app, "GET").values()]
    answers += [client.get(path) for path in ("/none", "/static/app.css", "/static/none.css")]
    answers += [client.post("/sign-out"), client.delete("/account")]
    for answer in answers:
        policy = answer.headers.get("Content-Security-Policy", "")
        assert "unsafe" not in policy, answer.request.path
        assert "default-src" in policy, answer.request.path
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("field", ["name", "field-name", "q"])
def test_a_nul_is_refused_or_dropped_but_breaks_nothing(cast, sign_in, field: str) -> None:
    form = makers.make_form(cast.workspace, [("Ann", "ann@x.test")])
    client = sign_in(cast.alice)
    typed = {field: "a\x00b"}
    for path in ("/w/acme/data/new", "/workspaces/new", f"/w/acme/data/{form.id}/records/new"):
        assert client.post(path, data=typed).status_code < 500
        assert client.get(path, query_string=typed).status_code < 500
    assert client.get(f"/w/acme/data/{form.id}", query_string=typed).status_code < 500


@pytest.mark.parametrize("number", ["99999999999", "9" * 19, "9" * 30])
def test_a_number_too_large_is_no_page(cast, sign_in, number: str) -> None:
    client = sign_in(cast.alice)
    for path in (f"/w/acme/data/{number}", f"/w/acme/emails/{number}"):
        assert client.get(path).status_code == 404
    assert client.get("/w/acme/audit", query_string={"before": number}).status_code in (200, 400)
    form = makers.make_form(cast.workspace, [("Ann", "ann@x.test")])
    answer = client.post(f"/w/acme/data/{form.id}/delete-records", data={"id": number, "sure": "y"})
    assert answer.status_code in (303, 400)


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a\x00.csv", "<script>.csv", '"; x="', "x" * 999]
)
def test_a_hostile_file_name_is_only_a_name(cast, sign_in, name: str) -> None:
    client = sign_in(cast.alice)
    file = (io.BytesIO(b"Name,Email\nAnn,ann@x.test\n"), name)
    answer = client.post("/w/acme/data/import", data={"file": file})
    page = client.get(answer.location) if answer.location else answer
    assert page.status_code in (200, 422)
    assert "<script>.csv" not in page.text


class Mine:
    """A pickle that makes a folder where it is opened."""

    def __init__(self, place: Path) -> None:
        self.place = str(place)

    def __reduce__(self) -> tuple:
        return os.mkdir, (self.place,)


def test_a_pickle_planted_in_redis_is_not_opened(app: Flask, tmp_path: Path) -> None:
    connection = app.extensions["redis"]
    planted = Queue(Lane.CHORES.value, connection=connection, serializer=DefaultSerializer)
    planted.enqueue("webapp.forms.jobs.run_export", Mine(tmp_path / "opened"))

    LaneWorker(app, Lane.CHORES, connection).work(burst=True, logging_level="CRITICAL")

    assert planted.count == 0
    assert not (tmp_path / "opened").exists()


def test_the_sample_secret_starts_nothing() -> None:
    for url in ("https://mail.example.org", ""):
        with pytest.raises(settings.SettingError, match="still 'change-me'"):
            settings.read({"SECRET_KEY": settings.SAMPLE_SECRET_KEY, "BASE_URL": url})
