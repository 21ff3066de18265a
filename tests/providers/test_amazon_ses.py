import pytest

from tests.providers import sns
from tests.providers.posts import TOKEN, body_of, report, reports, verdict
from webapp.lib import clock
from webapp.providers import amazon_ses
from webapp.providers.contract import CannotTell, Keys, Unreadable

PROVIDER = amazon_ses.PROVIDER
MAIL = {
    "messageId": "0102019-ab", "destination": ["ann@x.test"], "tags": {"copy": [TOKEN]},
    "headers": [{"name": "Message-ID", "value": f"<{TOKEN}@acme.test>"}],
}  # fmt: skip
ANN = [{"emailAddress": "ann@x.test", "diagnosticCode": "smtp; 550 5.1.1 user unknown"}]


def post(kind: str, part: str = "", **about) -> dict:
    return sns.notification({"eventType": kind, "mail": MAIL} | ({part: about} if part else {}))


def bounce(kind: str, sub: str = "General") -> dict:
    return post("Bounce", "bounce", bounceType=kind, bounceSubType=sub, bouncedRecipients=ANN)


def complaint(**about) -> dict:
    return post("Complaint", "complaint", complainedRecipients=ANN, **about)


def is_authentic(message: dict, topic: str = sns.TOPIC, pem: bytes | None = None) -> bool:
    keys = Keys(topic, certificate=lambda url: pem or sns.certificate())
    return PROVIDER.is_authentic(body_of(message), {}, keys, clock.now())


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (post("Send", "send"), ("processed", None)),
        (post("Delivery", "delivery", recipients=["ann@x.test"]), ("delivered", None)),
        (post("DeliveryDelay", "deliveryDelay", delayType="MailboxFull"),
            ("deferred", "mailbox_full")),
        (bounce("Permanent"), ("bounced", "mailbox_missing")),
        (bounce("Permanent", "NoEmail"), ("bounced", "mailbox_missing")),
        (bounce("Permanent", "OnAccountSuppressionList"), ("dropped", "suppressed")),
        (bounce("Transient"), ("bounced_soft", "mailbox_missing")),
        (bounce("Transient", "MessageTooLarge"), ("bounced_soft", "too_large")),
        (bounce("Undetermined"), ("bounced_soft", "mailbox_missing")),
        (complaint(complaintFeedbackType="abuse"), ("complained", None)),
        (complaint(complaintFeedbackType="not-spam"), ("unknown", None)),
        (complaint(complaintSubType="OnAccountSuppressionList"), ("dropped", "complained")),
        (post("Reject", "reject", reason="Bad content"), ("dropped", "blocked_content")),
        (post("Rendering Failure", "failure", errorMessage="x"), ("dropped", "our_server")),
        (post("Open", "open"), ("opened", None)),
        (post("Click", "click", link="https://x.test/"), ("clicked", None)),
        (post("Subscription", "subscription", newTopicPreferences={"unsubscribeAll": True}),
            ("unsubscribed", None)),
        (post("Teleport"), ("unknown", None)),
    ],
)  # fmt: skip
def test_its_words_become_ours(event, expected):
    assert verdict(report(PROVIDER, event)) == expected


def test_one_notification_may_speak_of_several_recipients():
    two = [*ANN, {"emailAddress": "Bo <bo@x.test>"}]
    event = {
        "notificationType": "Bounce", "mail": MAIL | {"destination": ["ann@x.test", "cy@x.test"]},
        "bounce": {"bounceType": "Permanent", "bouncedRecipients": two},
    }  # fmt: skip
    found = reports(PROVIDER, sns.notification(event))

    assert [each.address for each in found] == ["ann@x.test", "bo@x.test"]


def test_the_copy_is_named_by_its_tag_or_its_message_id():
    untagged = {name: value for name, value in MAIL.items() if name != "tags"}
    found = report(PROVIDER, sns.notification({"notificationType": "Open", "mail": untagged}))

    assert (found.token, found.provider_message_id) == (TOKEN, "0102019-ab")
    assert report(PROVIDER, post("Send")).token == TOKEN
    assert PROVIDER.message_id_in("250 Ok 0102019abc-4e2b-000000") == "0102019abc-4e2b-000000"


def test_its_time_is_when_it_happened_not_when_it_was_told():
    event = post("Delivery", "delivery", recipients=["a@x.test"], timestamp="2026-03-01T11:59:00Z")

    assert report(PROVIDER, event).happened_at.isoformat() == "2026-03-01T11:59:00+00:00"
    assert report(PROVIDER, post("Send")).happened_at.second == 5


@pytest.mark.parametrize("version", ["1", "2"])
def test_what_sns_signed_of_the_topic_is_authentic(version):
    for message in (post("Send"), post("Send") | {"Subject": "Mail event"}, sns.confirmation()):
        assert is_authentic(sns.sign(message, version))


@pytest.mark.parametrize(
    "change",
    [
        {"Message": "{}"}, {"Subject": "x"}, {"MessageId": "n-2"}, {"TopicArn": sns.TOPIC + "2"},
        {"SignatureVersion": "1"}, {"SignatureVersion": "3"}, {"Signature": "bad"},
        {"Signature": None}, {"Type": "Teleport"}, {"Timestamp": 5},
    ],
)  # fmt: skip
def test_whatever_is_changed_afterwards_is_not(change):
    assert not is_authentic(sns.sign(post("Send")) | change)


def test_another_topic_of_the_same_sns_is_not():
    assert not is_authentic(sns.sign(post("Send")), topic="arn:aws:sns:eu-west-1:1:theirs")
    other = sns.sign(post("Send") | {"TopicArn": "arn:aws:sns:eu-west-1:1:theirs"})
    assert not is_authentic(other)


def test_an_expired_certificate_proves_nothing():
    assert not is_authentic(sns.sign(post("Send")), pem=sns.certificate(days=-1))
    assert not is_authentic(sns.sign(post("Send")), pem=b"no certificate")


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/x.pem", "https://sns.eu-west-1.amazonaws.com/x.key",
        "https://evil.test/x.pem", "https://sns.eu-west-1.amazonaws.com.evil.test/x.pem",
        "https://sns.bucket.s3.amazonaws.com/x.pem", "https://sns.eu.amazonaws.com/x.pem?a=.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/x.pem", "https://s3.amazonaws.com/sns/x.pem",
        "https://u@sns.eu-west-1.amazonaws.com/x.pem",
        "https://sns.eu-west-1.amazonaws.com/x.pem#a", "https://sns.\u0435u.amazonaws.com/x.pem",
        "https://sns.eu-west-1.amazonaws.com\\@evil.test/x.pem", "file:///etc/x.pem", "", 5, None,
    ],
)  # fmt: skip
def test_no_certificate_is_asked_for_at_any_other_address(url):
    def certificate(asked: str) -> bytes:
        raise AssertionError(f"visited {asked}")

    message = sns.sign(post("Send")) | {"SigningCertURL": url}
    keys = Keys(sns.TOPIC, certificate=certificate)
    assert not PROVIDER.is_authentic(body_of(message), {}, keys, clock.now())


def test_a_certificate_out_of_reach_is_our_trouble():
    with pytest.raises(CannotTell):
        PROVIDER.is_authentic(body_of(sns.sign(post("Send"))), {}, Keys(sns.TOPIC), clock.now())


def test_raw_delivery_without_a_signature_is_refused():
    raw = {"eventType": "Delivery", "mail": MAIL, "TopicArn": sns.TOPIC}
    assert not is_authentic(raw)


def test_a_confirmation_is_visited_only_where_it_is_sns_own():
    def asked(**changes) -> str | None:
        return PROVIDER.confirmation_url(body_of(sns.confirmation(**changes)))

    own = sns.confirmation()["SubscribeURL"]
    assert asked() == own
    assert asked(SubscribeURL="https://evil.test/?Action=ConfirmSubscription") == ""
    assert asked(SubscribeURL=own.replace("Confirm", "Delete")) == ""
    assert asked(TopicArn="arn:aws:sns:eu-west-1:1:theirs") == ""
    assert asked(Type="Notification") is None
    assert PROVIDER.confirmation_url(body_of(post("Send"))) is None


def test_what_is_about_no_mail_is_no_report():
    assert reports(PROVIDER, sns.confirmation()) == []
    assert reports(PROVIDER, sns.notification({"notificationType": "Received"})) == []
    validated = "Successfully validated SNS topic for Amazon SES event publishing."
    assert reports(PROVIDER, sns.notification({}, Message=validated)) == []
    with pytest.raises(Unreadable):
        reports(PROVIDER, sns.notification({}, Message="hello"))


def test_repeats_have_one_id():
    one, other = body_of(sns.notification({})), body_of(sns.notification({"a": 1}))
    assert PROVIDER.dedupe_key(one, {}) == PROVIDER.dedupe_key(other, {}) == "id:n-1"
