"""The pages of webhooks: a secret shown once, a log, a test, and back on."""

import re

import pytest

from webapp.bulk_email import subscribing
from webapp.delivery.models_endpoints import Endpoint, Parcel, ParcelState, ParcelTry
from webapp.extensions import db
from webapp.plugins import catalogue, installing

pytestmark = pytest.mark.database
PAGE = "/w/acme/webhooks"


@pytest.fixture
def alice(cast, sign_in):
    installing.install(cast.workspace, catalogue.find("bulk_email"), cast.alice)
    return sign_in(cast.alice)


@pytest.fixture
def endpoint(cast, alice) -> Endpoint:
    return subscribing.add(cast.workspace, "https://x.test/", ["copy.bounced"], cast.alice)


def test_the_secret_is_shown_once(alice) -> None:
    answer = alice.post(PAGE, data={"url": "https://x.test/hook", "kind": ["copy.bounced"]})

    [secret] = set(re.findall(r"whsec_[\w+/=]+", answer.text))
    endpoint = db.session.query(Endpoint).one()
    assert endpoint.secret == secret
    for page in (PAGE, f"{PAGE}/{endpoint.id}"):
        assert "whsec_" not in alice.get(page).text
    stored = db.session.execute(db.text("SELECT secret FROM endpoints")).scalar()
    assert secret.encode() not in bytes(stored)


@pytest.mark.parametrize(
    "url",
    [
        "", "http://x.test/", "x.test", "https://", "https://u:p@x.test/", "ftp://x.test/",
        "https://x.test:0/", "https://x.test:99999/", "https://x.test/\r\nX: 1", "javascript:1",
        "https://x.test/" + "x" * 500, "https://x.test/#a", "https://[::1",
    ],
)  # fmt: skip
def test_what_is_no_address_is_kept_with_a_sentence(alice, url) -> None:
    answer = alice.post(PAGE, data={"url": url, "kind": ["copy.bounced"]})

    assert answer.status_code == 422
    assert "Give the whole address" in answer.text
    assert db.session.query(Endpoint).count() == 0


def test_a_kind_must_be_chosen_and_no_made_up_one_is_kept(alice) -> None:
    data = {"url": "https://x.test/", "kind": ["nothing.such"]}
    assert "Choose at least one." in alice.post(PAGE, data=data).text


def test_the_log_shows_what_was_answered_as_text(alice, endpoint) -> None:
    parcel = Parcel(endpoint_id=endpoint.id, key="msg_1", body=b"{}", size=2, state="failed")
    db.session.add(parcel)
    db.session.flush()
    db.session.add(ParcelTry(parcel_id=parcel.id, status=500, took_ms=12, answer="<b>no</b>"))
    db.session.commit()

    page = alice.get(f"{PAGE}/{endpoint.id}").text

    assert "&lt;b&gt;no&lt;/b&gt;" in page
    assert "Send all 1 failed again" in page
    alice.post(f"{PAGE}/{endpoint.id}/replay", data={"parcel": parcel.id})
    db.session.refresh(parcel)
    assert parcel.state == ParcelState.WAITING


def test_a_test_is_packed_and_not_for_one_that_is_off(alice, endpoint) -> None:
    alice.post(f"{PAGE}/{endpoint.id}/test")
    alice.post(f"{PAGE}/{endpoint.id}/off")
    alice.post(f"{PAGE}/{endpoint.id}/test")

    assert [row.size for row in db.session.query(Parcel)] == [0]
    alice.post(f"{PAGE}/{endpoint.id}/on")
    db.session.refresh(endpoint)
    assert endpoint.off_at is None


def test_removing_takes_the_log_with_it(alice, endpoint) -> None:
    alice.post(f"{PAGE}/{endpoint.id}/test")
    alice.post(f"{PAGE}/{endpoint.id}/remove")

    assert db.session.query(Endpoint).count() == db.session.query(Parcel).count() == 0
