"""What is true of every provider, whatever it is sent."""

import base64
import json
import math
import re
from datetime import UTC

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.providers import (
    sns,
    test_amazon_ses,
    test_brevo,
    test_mailgun,
    test_mailjet,
    test_postal,
    test_postmark,
    test_resend,
    test_sendgrid,
    test_sparkpost,
)
from tests.providers.posts import TOKEN
from webapp import providers
from webapp.delivery.statuses import status_of_kind
from webapp.lib import clock
from webapp.mail import headers as mail_headers
from webapp.mail.reports import Report
from webapp.providers.contract import CannotTell, Keys, Unreadable

REPORTING = [provider for provider in providers.BY_NAME.values() if provider.reports]
EACH = pytest.mark.parametrize("provider", REPORTING, ids=lambda provider: provider.name)

# the words that make a reader look closer, among any JSON there can be
WORDS = st.sampled_from(
    [
        "event", "eventType", "notificationType", "type", "Type", "RecordType", "msys", "data",
        "event-data", "signature", "payload", "message", "headers", "bounce", "Bounce", "bounced",
        "failed", "reason", "timestamp", "email", "Message", "Notification", "mail", "tags", "copy",
        "destination", "bouncedRecipients", "SigningCertURL", "TopicArn", "token", "bounce_class",
        "email.bounced", "to", "MessageBounced", "original_message", "X-Mailin-custom", "delivery",
    ]
)  # fmt: skip
TEXTS = st.text(st.characters(), max_size=12) | WORDS
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=6),
    max_leaves=20,
)


def _json(value: object) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


BODIES = (
    st.binary(max_size=200)
    | JSON.map(_json)
    | JSON.map(lambda inside: _json({"Type": "Notification", "Message": json.dumps(inside)}))
    | st.binary(max_size=80).map(lambda inside: b'--b\r\nContent-Disposition: x; name="' + inside)
)
HEADERS = st.dictionaries(
    st.sampled_from(
        ["authorization", "svix-id", "svix-timestamp", "svix-signature", "content-type"]
        + ["x-postal-signature", "x-postal-signature-256", "x-sandbox-signature"]
        + ["x-twilio-email-event-webhook-signature", "x-messagesystems-batch-id"]
    ),
    TEXTS | st.sampled_from(["Basic %%%", "Basic 4oKs", "v1,x", "1e999", "nan", "-1"]),
)


# good posts, of which one piece is replaced by something nasty
GOOD: dict[str, list] = {
    "amazon_ses": [
        {"eventType": "Bounce", "mail": test_amazon_ses.MAIL, "bounce": {
            "bounceType": "Permanent", "bounceSubType": "General", "timestamp": "2026-03-01",
            "bouncedRecipients": test_amazon_ses.ANN}},
        {"eventType": "Click", "mail": test_amazon_ses.MAIL, "click": {"link": "https://x.test"}},
    ],
    "brevo": [test_brevo.EVENT | {"event": "hard_bounce", "reason": "550 no", "link": "x"}],
    "mailgun": [test_mailgun.post(**test_mailgun.failed("permanent")),
                test_mailgun.post(event="rejected", reject={"reason": "x"})],
    "mailjet": [test_mailjet.EVENT | test_mailjet.failed("bounce", "user unknown")],
    "postal": [test_postal.post("MessageDelayed", output="450 x", details="y", url="z")],
    "postmark": [test_postmark.bounce("HardBounce"),
                 test_postmark.BASE | {"RecordType": "SubscriptionChange", "SuppressionReason": 1}],
    "resend": [test_resend.post("email.clicked", click={"link": "x"}, tags={"copy": "y"}),
               test_resend.bounce(type="Permanent", subType="General", message="x")],
    "sandbox": [[{"event": "bounced", "token": TOKEN, "address": "a", "at": 1, "smtp": "550 x"}]],
    "sendgrid": [[test_sendgrid.EVENT | {"event": "bounce", "type": "blocked", "reason": "550"}]],
    "sparkpost": [test_sparkpost.bounce(10), test_sparkpost.post("delay")],
}  # fmt: skip
NASTY = JSON | st.sampled_from(
    [1e300, -1e300, 10**400, 10**4000, math.nan, math.inf, "9" * 4400, "soon", "\ud800", "a\0b"]
    + ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "-1", "\n" * 9, " ", [[]], [{}]]
)


def _places(value: object, path: tuple = ()) -> list[tuple]:
    """The paths to every piece of a post."""
    children = value.items() if isinstance(value, dict) else ()
    children = enumerate(value) if isinstance(value, list) else children
    return [path] + [place for key, inner in children for place in _places(inner, (*path, key))]


def _replaced(value, path: tuple, by: object):
    if not path:
        return by
    copy = value.copy()
    copy[path[0]] = _replaced(value[path[0]], path[1:], by)
    return copy


@st.composite
def spoilt(draw, name: str) -> bytes:
    post = draw(st.sampled_from(GOOD[name]))
    post = _replaced(post, draw(st.sampled_from(_places(post))), draw(NASTY))
    return _json(sns.notification(post) if name == "amazon_ses" else post)


@EACH
@settings(deadline=None)
@given(data=st.data())
def test_good_posts_with_one_piece_spoilt_are_read_or_unreadable(provider, data):
    body = data.draw(spoilt(provider.name))
    try:
        found = provider.parse(body, {})
    except Unreadable:
        return
    for report in found:
        assert report.happened_at is None or report.happened_at.astimezone(UTC)
        assert "\0" not in json.dumps([report.words, report.details, report.address])
        report.words.encode()  # no lone surrogates: databases refuse them
        json.dumps(report.details, ensure_ascii=False).encode()


@EACH
@settings(deadline=None)
@given(body=BODIES, headers=HEADERS)
def test_parsing_raises_nothing_but_unreadable(provider, body, headers):
    try:
        found = provider.parse(body, headers)
    except Unreadable:
        return
    for report in found:
        assert isinstance(report, Report)
        assert json.dumps([report.reply, report.words, report.native, report.details])
        assert "\0" not in f"{report.words}{report.address}{report.token}{report.native}"
        status_of_kind(report.kind)


@EACH
@settings(deadline=None)
@given(body=BODIES, headers=HEADERS, key=TEXTS)
def test_judging_raises_nothing_but_cannot_tell(provider, body, headers, key):
    try:
        assert provider.is_authentic(body, headers, Keys(key, "old"), clock.now()) in (True, False)
    except CannotTell:
        assert provider.name == "amazon_ses"
    assert 0 < len(provider.dedupe_key(body, headers)) <= 128
    assert provider.confirmation_url(body) in (None, "")


@EACH
def test_without_a_key_nothing_is_authentic(provider):
    basic = {"authorization": "Basic " + base64.b64encode(b":").decode()}
    for headers in ({}, basic, {"authorization": "Bearer "}):
        assert not provider.is_authentic(b"[]", headers, Keys(None), clock.now())
        assert not provider.is_authentic(b"[]", headers, Keys(""), clock.now())


@EACH
def test_no_answer_of_ours_ends_its_repeats_where_another_is_to_be_had(provider):
    assert provider.try_later not in provider.stops
    assert provider.try_later in (429, 503)
    if provider.name not in ("brevo", "amazon_ses"):  # any 4xx ends theirs
        assert provider.refused not in provider.stops


@EACH
def test_its_tracking_header_is_a_header(provider):
    for name, value in provider.tracking_headers(TOKEN).items():
        assert re.fullmatch(r"[A-Za-z-]+", name)
        assert TOKEN in value
        assert len(mail_headers.encode(value)) < 900


@EACH
def test_the_page_can_say_how_to_set_it_up(provider):
    if provider.name == "sandbox":
        return
    assert provider.title
    assert provider.docs.startswith("https://")
    assert len(provider.setup) >= 3
    assert provider.host or provider.host_hint
