"""Hostile posts to a hook: an answer each, never a 500, and nothing that lasts beyond its due."""

import gzip
import io
import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text

from tests import makers
from tests.email_tracker.posting import EVENT, about, count, digest, post
from tests.smtp_server import SmtpServer
from tests.statements import said_while
from webapp.accounts.models import Workspace
from webapp.delivery import tokens
from webapp.delivery.models import Arrival, Event, ParkedReport
from webapp.email_tracker import intake
from webapp.extensions import db
from webapp.lib import clock
from webapp.plugins import catalogue, installing

pytestmark = pytest.mark.database
ORIGINAL = Path(__file__).parents[3] / "shared/fixtures/webhooks/hostile.json"


def stream(client, connection, size: int, **environ):
    """A body sent in chunks, or with a length that lies."""
    url = f"/hooks/sandbox/{connection.hook_token}"
    return client.post(url, input_stream=io.BytesIO(b"x" * size), environ_overrides=environ)


def test_a_length_beyond_the_cap_is_refused_unread(client, connection) -> None:
    answer = stream(client, connection, 0, CONTENT_LENGTH=str(10 * 1024**3))

    assert answer.status_code == 413
    assert count(Arrival) == 0


def test_chunks_beyond_the_cap_are_refused(client, connection) -> None:
    answer = stream(client, connection, intake.MAX_BYTES + 1, **{"wsgi.input_terminated": True})

    assert answer.status_code == 413
    assert count(Arrival) == 0


def test_what_unpacks_to_more_is_never_unpacked(client, connection) -> None:
    bomb = gzip.compress(b"0" * 20_000_000)

    assert post(client, connection, bomb, **{"Content-Encoding": "gzip"}).status_code == 415
    assert post(client, connection, bomb, **{"Content-Encoding": "br, gzip"}).status_code == 415


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "x"])
def test_the_kind_of_content_that_is_claimed_means_nothing(
    app, client, connection, copy, kind
) -> None:
    body = about(app, copy)

    assert post(client, connection, body, **{"Content-Type": kind}).status_code == 200
    digest(app)
    assert copy.status == "delivered"


@pytest.mark.parametrize(
    "name", ["X-Sandbox-Signature", "X-Sandbox-Timestamp", "X-Sandbox-Delivery"]
)
@pytest.mark.parametrize("value", ["", "ä", "v1=" + "f" * 5_000, "\x7f", "v1=é"])
def test_strange_headers_are_refused_or_kept_short(client, connection, name, value) -> None:
    assert post(client, connection, b"[]", **{name: value}).status_code in (200, 400, 401)


def test_the_same_delivery_with_another_body_is_the_first(app, client, connection, copy) -> None:
    headers = {"X-Sandbox-Delivery": "delivery 1"}
    post(client, connection, about(app, copy), **headers)
    bounced = about(app, copy, event="bounced", smtp="550 5.1.1 nobody")
    assert post(client, connection, bounced, **headers).status_code == 200
    digest(app)

    assert (count(Arrival), count(Event), copy.status) == (1, 1, "delivered")


def test_the_secret_of_another_workspace_opens_nothing(client, connection) -> None:
    other = db.session.scalar(select(Workspace).where(Workspace.slug == "elsewhere"))
    theirs = makers.make_connection(other, hook_secret="their secret")

    assert post(client, theirs, b"[]", secret=connection.hook_secret).status_code == 401
    assert count(Arrival) == 0


def test_a_copy_of_another_workspace_is_out_of_reach(app, client, connection, copy, cast) -> None:
    other = db.session.scalar(select(Workspace).where(Workspace.slug == "elsewhere"))
    for plugin in ("bulk_email", "email_tracker"):
        installing.install(other, catalogue.find(plugin), cast.charlie)
    post(client, makers.make_connection(other), about(app, copy, event="bounced"))
    digest(app)

    assert (copy.status, count(Event), count(ParkedReport)) == ("queued", 0, 1)


def test_a_thousand_events_in_one_post_are_recorded_together(app, client, connection, copy) -> None:
    token = tokens.copy_token(app.config["TOKEN_KEY"], copy.id)
    events = [EVENT | {"event": "opened", "token": token, "attempt": n} for n in range(1000)]
    assert post(client, connection, json.dumps(events).encode()).status_code == 200
    digest(app)

    assert (count(Event), copy.open_count) == (1000, 1000)


@pytest.mark.parametrize("at", ["2999-01-01T00:00:00+00:00", "1970-01-01", 0, 1e300, "soon", None])
def test_an_impossible_time_is_the_time_of_arrival(app, client, connection, copy, at) -> None:
    post(client, connection, about(app, copy, at=at))
    digest(app)

    stored = db.session.scalar(select(Arrival))
    assert db.session.scalar(select(Event)).happened_at == stored.received_at


def test_an_old_signature_is_taken_because_providers_come_again_for_days(
    app, client, connection, copy
) -> None:
    assert post(client, connection, about(app, copy)).status_code == 200  # signed in 1970


def test_a_post_after_another_takes_two_statements_and_locks_nothing_but_itself(
    client, connection, monkeypatch
) -> None:
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now)
    post(client, connection, b"[1]")
    db.session.refresh(connection)

    said = said_while(lambda: post(client, connection, b"[2]"))

    assert [statement.split()[0] for statement in said] == ["SELECT", "INSERT"]
    assert count(Arrival) == 2


def test_when_a_provider_was_heard_last_is_known_to_the_second(client, connection, monkeypatch):
    now = clock.now()

    def heard_at(seconds: float, secret: str = "a secret") -> float:
        moment = now + timedelta(seconds=seconds)
        monkeypatch.setattr(clock, "now", lambda: moment)
        post(client, connection, b"[]", secret=secret)
        db.session.expire_all()
        return (connection.last_event_at - now).total_seconds()

    assert [heard_at(0), heard_at(0.9), heard_at(1.2)] == [0, 0, 1.2]
    assert [heard_at(1.5, secret="another"), heard_at(1.7)] == [1.2, 1.7]  # after a refusal at once
    assert heard_at(-3600) == -3600  # the clock was put back


def test_without_a_database_the_provider_is_asked_to_come_again(client, connection) -> None:
    db.session.execute(text("ALTER TABLE arrivals RENAME TO hidden_arrivals"))
    try:
        answer = post(client, connection, b"[]")
    finally:
        db.session.execute(text("ALTER TABLE hidden_arrivals RENAME TO arrivals"))
        db.session.commit()

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert post(client, connection, b"[]").status_code == 200


def test_an_event_that_comes_before_our_own_commit_is_not_undone_by_it(
    app, client, connection, copy
) -> None:
    body = about(app, copy)
    hook = type("Hook", (), {"hook_token": connection.hook_token})

    def tell_at_once(step: str, address: str) -> None:
        if step == "dot":
            with app.app_context():
                post(app.test_client(), hook, body)
                digest(app)

    with SmtpServer(tell_at_once) as server:
        connection.port = server.port
        db.session.commit()
        makers.draining.drain(makers.make_setting(), 10)

    db.session.expire_all()
    assert (copy.status, copy.in_flight_at) == ("delivered", None)
    assert makers.books(db.session.get_one(makers.BulkEmail, copy.bulk_email_id)).delivered == 1


@pytest.mark.skipif(not ORIGINAL.exists(), reason="lies beside the repository, where it does")
def test_known_hostile_bodies_have_their_known_answers(client, connection) -> None:
    for case in json.loads(ORIGINAL.read_text()):
        made = case["generator"] or ""
        if not made.startswith(("b'", 'b"', "gzip")):
            continue
        headers = {"Content-Encoding": "gzip"} if made.startswith("gzip") else {}
        answer = post(client, connection, eval(made, {"gzip": gzip}), **headers)
        assert str(answer.status_code) in case["expected_http"], case["id"]
