"""The last question, and that it is answered once."""

import http.client
import threading
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from werkzeug.serving import make_server

from tests import makers
from webapp.accounts.models import AuditEntry
from webapp.bulk_email import routes_send
from webapp.bulk_email.models import BulkEmail
from webapp.extensions import db
from webapp.lib import clock
from webapp.plugins import catalogue, installing

pytestmark = pytest.mark.database
PART = {"HX-Request": "true"}


@pytest.fixture
def draft(cast) -> BulkEmail:
    installing.install(cast.workspace, catalogue.find("bulk_email"), cast.alice)
    form = makers.make_form(
        cast.workspace, [("Ann", "ann@x.test"), ("Bo", "bo@x.test"), ("Cy", "")]
    )
    return makers.make_email(form, makers.make_connection(cast.workspace), cast.alice)


def path(draft: BulkEmail) -> str:
    return f"/w/acme/emails/{draft.id}/send"


def stage_of(draft: BulkEmail) -> str:
    db.session.expire_all()
    return draft.stage


def test_the_question_names_how_many_and_who_will_not(cast, draft, sign_in) -> None:
    text = sign_in(cast.alice).get(path(draft), headers=PART).text

    assert "<b>2 people</b> will get “Hello {{ name }}”" in text
    assert "1 without a valid address" in text
    assert "Send to 2 people</button>" in text
    assert stage_of(draft) == "draft"


def test_the_answer_sends_once(cast, draft, sign_in) -> None:
    client = sign_in(cast.alice)

    for _ in range(2):
        answer = client.post(path(draft), data={"when": "now", "hours": "24", "nonce": "n"})
        assert (answer.status_code, answer.location) == (303, f"/w/acme/emails/{draft.id}")

    assert stage_of(draft) == "preparing"
    assert round((draft.deadline - draft.started_at) / timedelta(hours=1)) == 24
    assert db.session.query(AuditEntry).filter_by(action="email.sent").count() == 1


def test_eight_at_once_with_one_nonce_are_one_send(app, cast, draft, sign_in) -> None:
    cookie, where = sign_in(cast.alice).get_cookie("session").value, path(draft)
    db.session.commit()
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    answers: list[int] = []

    def submit() -> None:
        line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        body = urlencode({"when": "now", "hours": "24", "nonce": "one"})
        kind = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": f"session={cookie}"}
        line.request("POST", where, body, kind)
        answers.append(line.getresponse().status)
        line.close()

    threads = [threading.Thread(target=submit) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    server.shutdown()
    server.server_close()

    assert answers == [303] * 8
    assert stage_of(draft) == "preparing"
    assert db.session.query(AuditEntry).filter_by(action="email.sent").count() == 1


def test_above_500_the_number_is_typed(cast, draft, sign_in, monkeypatch) -> None:
    monkeypatch.setattr(routes_send, "TYPE_THE_NUMBER_ABOVE", 1)
    client = sign_in(cast.alice)
    data = {"when": "now", "hours": "24", "nonce": "n"}

    assert "Type 2 to confirm" in client.get(path(draft)).text
    for wrong in ({}, {"number": "3"}, {"number": "all"}):
        answer = client.post(path(draft), data=data | wrong)
        assert answer.status_code == 422
        assert "Type 2 to say that you mean all of them." in answer.text
    assert stage_of(draft) == "draft"
    assert client.post(path(draft), data=data | {"number": " 2 "}).status_code == 303


def test_the_limit_is_500() -> None:
    assert routes_send.TYPE_THE_NUMBER_ABOVE == 500


@pytest.mark.parametrize("hours", ["", "0", "241", "-1", "x", "1e9"])
def test_hours_out_of_range_are_refused(cast, draft, sign_in, hours) -> None:
    answer = sign_in(cast.alice).post(path(draft), data={"when": "now", "hours": hours})

    assert answer.status_code == 422
    assert "Choose from 1 to 240 hours." in answer.text


@pytest.mark.parametrize("broken", ["subject", "filter", "nobody"])
def test_what_cannot_go_out_is_refused_with_the_reason(cast, draft, sign_in, broken) -> None:
    if broken == "subject":
        draft.subject = "{% if %}"
    else:
        key = "gone" if broken == "filter" else "name"
        draft.filter = {"all": [{"field": key, "op": "is", "value": "Cy"}]}
    db.session.commit()

    answer = sign_in(cast.alice).post(path(draft), data={"when": "now", "hours": "24"})

    assert answer.status_code == 422
    assert "It cannot go out yet" in answer.text
    assert stage_of(draft) == "draft"


def later(**changes) -> dict:
    day = f"{clock.now() + timedelta(days=9):%Y-%m-%d}"
    return {
        "when": "later",
        "hours": "24",
        "day": day,
        "time": "08:00",
        "zone": "Asia/Kathmandu",
    } | (changes)


def test_it_can_be_sent_at_a_time_to_come_in_a_zone(cast, draft, sign_in) -> None:
    client = sign_in(cast.alice)

    assert client.post(path(draft), data=later()).status_code == 303

    assert stage_of(draft) == "scheduled"
    text = client.get(f"/w/acme/emails/{draft.id}").text
    assert "08:00 (Asia/Kathmandu); for you" in text
    assert "02:15 (UTC)" in text


@pytest.mark.parametrize("change", [{"day": ""}, {"time": "x"}, {"zone": "Mars"}])
def test_no_time_is_refused_at_its_field_and_kept(cast, draft, sign_in, change) -> None:
    answer = sign_in(cast.alice).post(path(draft), data=later(**change))

    assert answer.status_code == 422
    assert 'id="day-error"' in answer.text
    assert stage_of(draft) == "draft"


def test_an_old_page_of_a_sent_email_sends_nothing(cast, draft, sign_in) -> None:
    makers.start(draft)

    answer = sign_in(cast.alice).post(path(draft), data={"when": "now", "hours": "24"})

    assert answer.location == f"/w/acme/emails/{draft.id}"
    assert stage_of(draft) == "sending"
