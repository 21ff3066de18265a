"""The hook: authentic on raw bytes, stored before 200, digested later, never a 500."""

import gzip
import json
import threading

import pytest
from sqlalchemy import select

from tests import makers
from tests.email_tracker.posting import EVENT, about, count, digest, post
from webapp.delivery import parking
from webapp.delivery.models import Arrival, Event, ParkedReport, Recipient
from webapp.email_tracker import digesting
from webapp.email_tracker.plugin import PLUGIN
from webapp.extensions import db
from webapp.lib import clock
from webapp.plugins import installing

pytestmark = pytest.mark.database
HOSTILE = {
    "not json": b"hello",
    "deep": b"[" * 200_000,
    "long number": b'[{"at": ' + b"9" * 200_000 + b"}]",
    "nan": b'[{"event": "delivered", "at": NaN}]',
    "nul": b'[{"event": "bounced", "smtp": "550 x\\u0000y", "token": "a\\u0000"}]',
    "surrogate": b'[{"event": "bounced", "smtp": "\\ud800", "address": "\\ud800@x.test"}]',
    "twice the key": b'[{"event": "delivered", "event": "bounced"}]',
    "utf-16": '[{"event": "delivered"}]'.encode("utf-16"),
    "object": b'{"event": "delivered"}',
    "number": b"5",
    "null": b"null",
    "types": b'[{"event": null, "address": 5, "at": "soon", "id": {"a": 1}, "attempt": []}]',
    "unknown event": b'[{"event": "teleported", "token": "x"}]',
    "not objects": b'[1, "a", null, []]',
}


def test_a_signed_event_reaches_its_copy(app, client, connection, copy) -> None:
    assert post(client, connection, about(app, copy)).status_code == 200
    digest(app)

    assert db.session.get(Recipient, copy.id).status == "delivered"


def test_what_is_not_signed_is_refused_and_counted(client, connection) -> None:
    assert post(client, connection, b"[]", secret="another").status_code == 401

    db.session.expire_all()
    assert connection.refused_signatures == 1
    assert count(Arrival) == 0


def test_the_old_secret_works_while_it_is_being_replaced(client, connection) -> None:
    connection.old_hook_secret, connection.hook_secret = "a secret", "the new one"
    connection.old_hook_secret_until = clock.now().replace(year=clock.now().year + 1)
    assert post(client, connection, b"[]").status_code == 200

    connection.old_hook_secret_until = clock.now().replace(year=clock.now().year - 1)
    assert post(client, connection, b"[]").status_code == 401


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bodies_are_stored_and_hurt_nobody(app, client, connection, copy, name) -> None:
    assert post(client, connection, HOSTILE[name]).status_code == 200
    assert post(client, connection, about(app, copy)).status_code == 200
    digest(app)

    assert count(Arrival) == 2
    assert db.session.get(Recipient, copy.id).status == "delivered"


def test_sizes_kinds_and_methods_have_their_answers(client, connection) -> None:
    url = f"/hooks/sandbox/{connection.hook_token}"

    assert post(client, connection, b"").status_code == 400
    assert post(client, connection, b"x" * (2 * 1024 * 1024 + 1)).status_code == 413
    zipped = gzip.compress(b"0" * 1_000_000)
    assert post(client, connection, zipped, **{"Content-Encoding": "gzip"}).status_code == 415
    assert client.head(url).status_code == 200
    assert client.get(url).status_code == 405
    assert client.post("/hooks/sandbox/unknown").status_code == 404
    assert client.post(f"/hooks/sendgrid/{connection.hook_token}").status_code == 404


def test_the_same_delivery_many_times_at_once_is_one(app, connection, copy) -> None:
    body = about(app, copy, event="opened")
    db.session.commit()

    def hammer() -> None:
        with app.app_context():
            answers.extend(post(app.test_client(), connection_, body) for _ in range(6))

    answers = []
    connection_ = type("Frozen", (), {"hook_token": connection.hook_token})
    threads = [threading.Thread(target=hammer) for _ in range(8)]
    db.session.commit()
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    digest(app)

    assert {answer.status_code for answer in answers} == {200}
    assert (count(Arrival), count(Event)) == (1, 1)
    assert db.session.get(Recipient, copy.id).open_count == 1


def test_an_unknown_token_is_parked_and_never_lost(app, client, connection) -> None:
    body = json.dumps([EVENT | {"token": "zz-nobody", "address": "no@x.test"}]).encode()
    post(client, connection, body)
    digest(app)
    digest(app)
    parked = db.session.scalar(select(ParkedReport))
    assert parked.next_try_at is not None

    for _ in range(3):
        parked.next_try_at = clock.now()
        db.session.commit()
        parking.try_again(app.config["TOKEN_KEY"])

    assert parked.unmatched_at is not None
    assert count(ParkedReport) == 1


def test_without_the_tracker_arrivals_wait_and_only_suppress(
    app, client, connection, copy, cast
) -> None:
    installing.uninstall(cast.workspace, PLUGIN, cast.alice)
    gone = about(app, copy, event="bounced", smtp="550 5.1.1 no such user")
    assert post(client, connection, gone).status_code == 200
    digest(app)
    assert count(Event) == 0
    assert "ann@x.test" in makers.suppressed_addresses(cast.workspace)

    installing.install(cast.workspace, PLUGIN, cast.alice)
    digesting.apply_unapplied(cast.workspace)
    digest(app)

    assert db.session.get(Recipient, copy.id).status == "bounced"
