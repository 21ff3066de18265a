"""The reference's words. Where ours are printed because they say more, the table says why."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.providers import sns, test_postal, test_postmark, test_resend, test_sendgrid
from tests.providers.posts import body_of
from webapp.cli import commands
from webapp.providers import BY_NAME, explaining, explaining_signatures

MAIL = {"messageId": "m-1", "destination": ["ann@x.test"]}


def recorded(post: object, headers: dict | None = None, **settings) -> dict:
    text = post if isinstance(post, str) else json.dumps(post)
    return {"request": {"headers": headers or {}, "body": {"text": text}}, "settings": settings}


def explain(provider: str, post: object, headers: dict | None = None, **settings) -> list[dict]:
    return explaining.explain_events(BY_NAME[provider], [recorded(post, headers, **settings)])[0]


def test_an_event_has_the_nine_fields_of_the_reference():
    event = test_sendgrid.EVENT | {"event": "delivered", "response": "250 OK \n"}

    assert explain("sendgrid", [event]) == [
        {
            "event_type": "delivered",
            "recipient": "ann@x.test",
            "timestamp": "2026-09-21T14:13:20+00:00",
            "event_id": "ev-1",
            "message_id": event["smtp-id"],
            "reject_reason": None,
            "description": None,
            "mta_response": "250 OK \n",
            "click_url": None,
        }
    ]


# what the reference calls "unknown", or does not read at all
@pytest.mark.parametrize(
    ("provider", "post", "event_type", "why"),
    [
        ("amazon_ses", sns.notification({"eventType": "DeliveryDelay", "mail": MAIL}),
            "deferred", "it is still being tried"),
        ("amazon_ses", sns.notification({"eventType": "Subscription", "mail": MAIL}),
            "subscribed", "a person changed what they want"),
        ("resend", test_resend.post("email.failed"), "failed", "it will never arrive"),
        ("resend", test_resend.post("email.suppressed"), "rejected", "it was not tried"),
        ("postal", test_postal.post("MessageLoaded"), "opened", "its pixel was loaded"),
        ("postal", {"event": "MessageDelayed", "payload": {}},
            "deferred", "the name says so where the status is missing"),
    ],
)  # fmt: skip
def test_ours_says_more(provider, post, event_type, why):
    assert explain(provider, post)[0]["event_type"] == event_type, why


@pytest.mark.parametrize(
    ("provider", "post", "timestamp", "why"),
    [
        ("brevo", {"event": "error", "ts_epoch": 1790000000},
            "2026-09-21T14:13:20+00:00", "seconds, not milliseconds of 1970"),
        ("sparkpost", [{"msys": {"m": {"type": "delay", "timestamp": "2026-03-01T12:00:00Z"}}}],
            "2026-03-01T12:00:00+00:00", "ISO times are times too"),
    ],
)  # fmt: skip
def test_ours_reads_more_times(provider, post, timestamp, why):
    assert explain(provider, post)[0]["timestamp"] == timestamp, why


@pytest.mark.parametrize(
    ("post", "event_type", "reason"),
    [
        ("Blocked", "rejected", "blocked"),
        ("SpamNotification", "complained", "spam"),
        ("TemplateRenderingFailed", "failed", None),
        ("Transient", "deferred", None),
        ("AutoResponder", "autoresponded", None),
    ],
)
def test_where_our_kinds_differ_the_reference_is_followed(post, event_type, reason):
    [found] = explain("postmark", test_postmark.bounce(post))
    assert (found["event_type"], found["reject_reason"]) == (event_type, reason)


def test_what_is_not_authentic_or_unreadable_has_no_events():
    private, key = test_sendgrid.make_key()
    body = body_of([test_sendgrid.EVENT])
    headers = test_sendgrid.signed(private, body)

    def count(text: str, **settings) -> int:
        return len(explain("sendgrid", text, headers, **settings))

    assert count(body.decode(), WEBHOOK_VERIFICATION_KEY=key) == 1
    assert count(body.decode() + " ", WEBHOOK_VERIFICATION_KEY=key) == 0
    assert count(body.decode(), WEBHOOK_SECRET="user:password") == 0
    assert count("hello") == 0


def test_the_commands_read_files_and_print_json(tmp_path: Path):
    events, signatures = tmp_path / "events.json", tmp_path / "signatures.json"
    (tmp_path / "made.pem").write_bytes(sns.certificate())
    message = sns.sign(sns.notification({}))
    vectors = [
        {"provider": "sns", "message": each, "cert_file": "made.pem"}
        for each in (message, message | {"Message": "{}!"})
    ]
    events.write_text(json.dumps([recorded(test_resend.post("email.sent")), recorded("hello")]))
    signatures.write_text(json.dumps(vectors))

    def run(*words: str) -> list:
        return json.loads(CliRunner().invoke(commands, ["explain", *words]).output)

    found = run("events", "--provider", "resend", str(events))
    assert [len(each) for each in found] == [1, 0]
    assert run("signatures", str(signatures)) == [True, False]


@pytest.mark.parametrize("command", [("events", "--provider", "resend"), ("signatures",)])
def test_a_file_that_is_none_is_said_in_a_sentence(tmp_path: Path, command: tuple[str, ...]):
    file = tmp_path / "posts.json"

    def answer(content: bytes) -> str:
        file.write_bytes(content)
        return CliRunner().invoke(commands, ["explain", *command, str(file)]).output

    assert "this is not JSON" in answer(b"")
    assert "this is not JSON" in answer(b"\xff\xfe")
    assert "no JSON array" in answer(b"{}")


def test_what_is_no_post_has_no_events_and_is_not_authentic(tmp_path: Path):
    broken = [None, 1, {}, {"request": None}, {"request": {"headers": []}}]
    assert explaining.explain_events(BY_NAME["resend"], broken) == [[]] * 5

    vectors = [None, {}, {"provider": "nobody"}, {"provider": "sendgrid"}, {"provider": "sns"}]
    assert explaining_signatures.explain_signatures(vectors, tmp_path) == [False] * 5
