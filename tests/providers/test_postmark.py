import pytest

from tests.providers.posts import BASIC, TOKEN, body_of, report, reports, verdict
from webapp.lib import clock
from webapp.providers import postmark
from webapp.providers.contract import Keys

PROVIDER = postmark.PROVIDER
BASE = {"MessageID": "0d2f-11", "Metadata": {"copy": TOKEN}, "Email": "ann@x.test"}


def bounce(kind: str, details: str = "smtp;550 5.1.1 no such user") -> dict:
    return BASE | {
        "RecordType": "Bounce", "ID": 42, "Type": kind, "Details": details,
        "Description": "what it means", "BouncedAt": "2026-03-01T12:00:00.1234567-05:00",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("HardBounce", ("bounced", "mailbox_missing")),
        ("SoftBounce", ("bounced_soft", "mailbox_missing")),
        ("Transient", ("deferred", "mailbox_missing")),
        ("DnsError", ("deferred", "unreachable")),
        ("Blocked", ("bounced_soft", "blocked_reputation")),
        ("DMARCPolicy", ("bounced_soft", "auth_policy")),
        ("SpamNotification", ("bounced_soft", "blocked_content")),
        ("VirusNotification", ("bounced_soft", "blocked_content")),
        ("AutoResponder", ("autoreplied", None)),
        ("AddressChange", ("autoreplied", None)),
        ("ChallengeVerification", ("autoreplied", None)),
        ("BadEmailAddress", ("dropped", "invalid_address")),
        ("ManuallyDeactivated", ("dropped", "suppressed")),
        ("TemplateRenderingFailed", ("dropped", "our_server")),
        ("Unsubscribe", ("unsubscribed", None)),
        ("Subscribe", ("subscribed", None)),
        ("Unknown", ("unknown", None)),
        ("SomethingNew", ("bounced_soft", "mailbox_missing")),
    ],
)
def test_bounces_become_ours(kind, expected):
    assert verdict(report(PROVIDER, bounce(kind))) == expected


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"RecordType": "Delivery", "Recipient": "ann@x.test"}, "delivered"),
        ({"RecordType": "Open"}, "opened"),
        ({"RecordType": "Click", "OriginalLink": "https://x.test/"}, "clicked"),
        ({"RecordType": "SpamComplaint", "Type": "SpamComplaint"}, "complained"),
        ({"RecordType": "Teleport"}, "unknown"),
    ],
)
def test_other_records_become_ours(event, expected):
    assert report(PROVIDER, BASE | event).kind == expected


@pytest.mark.parametrize(
    ("is_stopped", "reason", "expected"),
    [
        (True, "ManualSuppression", "unsubscribed"),
        (True, "SpamComplaint", "complained"),
        (True, "HardBounce", "bounced"),
        (True, "Whatever", "unsubscribed"),
        (False, None, "subscribed"),
    ],
)
def test_a_change_of_subscription_says_why(is_stopped, reason, expected):
    event = {
        "RecordType": "SubscriptionChange", "SuppressSending": is_stopped,
        "SuppressionReason": reason, "ChangedAt": "2026-03-01T12:00:00Z",
    }  # fmt: skip
    found = report(PROVIDER, BASE | event)

    assert (found.kind, found.cause) == (expected, None)


def test_times_of_seven_digits_and_ids_of_bounces_are_read():
    found = report(PROVIDER, bounce("HardBounce"))

    assert found.happened_at.isoformat() == "2026-03-01T12:00:00.123456-05:00"
    assert (found.token, found.provider_event_id) == (TOKEN, "42")
    assert found.provider_message_id == "0d2f-11"


def test_mails_to_us_are_no_reports():
    assert reports(PROVIDER, {"RecordType": "Inbound"}) == []
    assert reports(PROVIDER, {"FromFull": {"Email": "x@x.test"}}) == []


def test_the_password_is_the_proof_and_no_answer_ends_its_repeats():
    body = body_of(bounce("HardBounce"))

    assert PROVIDER.is_authentic(body, BASIC, Keys("tracker:open sesame"), clock.now())
    assert PROVIDER.is_authentic(body, BASIC, Keys("open sesame"), clock.now())
    assert not PROVIDER.is_authentic(body, BASIC, Keys("shut sesame"), clock.now())
    assert not PROVIDER.is_authentic(body, {}, Keys("open sesame"), clock.now())
    assert (PROVIDER.refused, 403 in PROVIDER.stops) == (401, True)
