"""Real providers at the hook: tokens against replay, confirmations, their own answers."""

import json

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from tests import makers
from tests.providers import sns, test_mailgun, test_resend
from tests.providers.posts import BASIC
from webapp import providers
from webapp.delivery import tokens
from webapp.delivery.models import Arrival, Connection, Event, Recipient
from webapp.email_tracker import confirming, digesting, fetching, intake
from webapp.extensions import db
from webapp.plugins import catalogue, installing
from webapp.providers.contract import CannotTell

pytestmark = pytest.mark.database


@pytest.fixture
def connect(cast):
    """A Connection of a provider: `connect("mailgun", key)`."""
    for name in ("bulk_email", "email_tracker"):
        installing.install(cast.workspace, catalogue.find(name), cast.alice)
    return lambda name, key: makers.make_connection(cast.workspace, provider=name, hook_secret=key)


def post(client, connection: Connection, body: bytes | dict, headers: dict | None = None):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    url = f"/hooks/{connection.provider}/{connection.hook_token}"
    return client.post(url, data=data, headers=headers or {})


def copy_of(app, connection: Connection, cast) -> tuple[Recipient, str]:
    makers.start(
        makers.make_email(makers.make_form(cast.workspace, [("Ann", "ann@x.test")]), connection)
    )
    copy = db.session.scalar(select(Recipient))
    return copy, tokens.copy_token(app.config["TOKEN_KEY"], copy.id)


def digest(app) -> None:
    while digesting.digest_some(providers.BY_NAME, app.config["TOKEN_KEY"]):
        pass
    db.session.expire_all()


def count(model) -> int:
    return db.session.scalar(select(func.count()).select_from(model))


def test_a_mailgun_token_is_good_once_whatever_else_comes_with_it(app, client, connect, cast):
    connection = connect("mailgun", test_mailgun.KEY)
    copy, token = copy_of(app, connection, cast)
    told = test_mailgun.post(event="delivered", **{"user-variables": {"copy": token}})
    forged = test_mailgun.post(event="complained", **{"user-variables": {"copy": token}})

    answers = [post(client, connection, each).status_code for each in (told, told, forged)]
    digest(app)

    assert answers == [200, 200, 200]
    assert (count(Arrival), count(Event)) == (1, 1)
    assert (copy.status, copy.complained_at) == ("delivered", None)


def test_svix_ids_are_kept_until_they_are_read(app, client, connect, cast):
    connection = connect("resend", test_resend.KEY)
    copy, token = copy_of(app, connection, cast)
    event = test_resend.post("email.delivered", headers={"X-Email-Tracker-Copy": token})
    body = json.dumps(event).encode()
    post(client, connection, body, test_resend.signed(body))
    digest(app)

    assert copy.status == "delivered"
    assert db.session.scalar(select(Event.provider_event_id)) == "msg_1"


def test_a_signature_of_another_workspace_opens_nothing(client, connect):
    ours, theirs = connect("resend", test_resend.KEY), connect("resend", "whsec_AAAA")
    body = json.dumps(test_resend.post("email.sent")).encode()

    assert post(client, ours, body, test_resend.signed(body)).status_code == 200
    assert post(client, theirs, body, test_resend.signed(body)).status_code == 401
    db.session.expire_all()
    assert (theirs.refused_signatures, theirs.last_refused_at is not None) == (1, True)


@pytest.mark.parametrize(("name", "expected"), [("brevo", 429), ("postmark", 503)])
def test_trouble_of_ours_has_each_providers_answer(client, connect, monkeypatch, name, expected):
    connection = connect(name, "open sesame")

    def away(*args) -> None:
        raise OperationalError("INSERT", {}, Exception("the database is away"))

    monkeypatch.setattr(intake, "_insert", away)
    answer = post(client, connection, b"{}", BASIC)

    assert (answer.status_code, answer.headers["Retry-After"]) == (expected, "30")


def test_a_certificate_out_of_reach_asks_sns_to_come_again(client, connect, monkeypatch):
    def unreachable(url: str) -> bytes:
        raise CannotTell(url)

    monkeypatch.setattr(fetching, "certificate", unreachable)
    connection = connect("amazon_ses", sns.TOPIC)

    assert post(client, connection, sns.sign(sns.notification({}))).status_code == 503
    db.session.expire_all()
    assert (count(Arrival), connection.refused_signatures) == (0, 0)


@pytest.fixture
def listener(connect, monkeypatch) -> Connection:
    monkeypatch.setattr(fetching, "certificate", lambda url: sns.certificate())
    return connect("amazon_ses", sns.TOPIC)


def test_a_subscription_of_the_topic_is_confirmed(client, listener):
    message = sns.sign(sns.confirmation())
    assert post(client, listener, message).status_code == 200

    visited: list[str] = []
    assert confirming.due() == [listener.id]
    confirming.confirm(listener.id, visit=lambda url: visited.append(url) or b"")
    db.session.expire_all()

    assert visited == [message["SubscribeURL"]]
    assert listener.confirmed_at is not None
    assert (listener.confirm_url, listener.last_event_at, confirming.due()) == (None, None, [])


def test_a_failed_confirmation_is_shown_and_tried_again_later(client, listener):
    def fail(url: str) -> bytes:
        raise OSError("sns.eu-west-1.amazonaws.com answered 500")

    post(client, listener, sns.sign(sns.confirmation()))
    confirming.confirm(listener.id, visit=fail)
    db.session.expire_all()

    assert listener.confirm_error == "sns.eu-west-1.amazonaws.com answered 500"
    assert listener.confirm_url is not None
    assert confirming.due() == []


def test_another_topic_or_a_foreign_address_is_never_visited(client, listener):
    other = sns.sign(sns.confirmation(TopicArn="arn:aws:sns:eu-west-1:1:theirs"))
    foreign = sns.sign(
        sns.confirmation(SubscribeURL="https://evil.test/?Action=ConfirmSubscription")
    )

    assert post(client, listener, other).status_code == 401
    assert post(client, listener, foreign).status_code == 200
    db.session.expire_all()
    assert (listener.confirm_url, listener.confirm_error) == (None, intake.STRANGE_ADDRESS)
