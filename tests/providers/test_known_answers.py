"""Against the known answers that may lie beside the repository; they are not part of it."""

import json
from pathlib import Path

import pytest

from webapp.providers import BY_NAME, explaining, explaining_signatures

ABOVE = Path(__file__).resolve().parents[3:5]
FOLDER = next(
    (found for each in ABOVE if (found := each / "shared" / "fixtures" / "webhooks").exists()),
    Path("nowhere"),
)
pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="no known answers beside us")
FIELDS = (
    "event_type", "recipient", "timestamp", "event_id", "message_id", "reject_reason",
    "description", "mta_response", "click_url",
)  # fmt: skip
# (provider, test) → the field in which ours is better, and why
BETTER = {
    ("brevo", "test_error_email"): ("timestamp", "seconds are not milliseconds of 1970"),
    ("sparkpost", "test_generation_failure_event"): ("timestamp", "ISO times are times too"),
}
EVENTS = sorted((FOLDER / "events").glob("*.json")) if FOLDER.exists() else []
# a post of one event of each provider, made around its word
FRAMES = {
    "sendgrid": lambda word: [{"event": word}],
    "mailgun": lambda word: {"event-data": {"event": word}},
    "postmark": lambda word: {"RecordType": "Bounce", "Type": word},
    "brevo": lambda word: {"event": word},
    "resend": lambda word: {"type": word},
    "sparkpost": lambda word: [{"msys": {"message_event": {"type": word}}}],
    "mailjet": lambda word: {"event": word},
}


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.stem)
def test_events_are_read_as_the_reference_reads_them(path):
    cases = json.loads(path.read_text())
    found = explaining.explain_events(BY_NAME[path.stem], cases)

    for case, ours in zip(cases, found, strict=True):
        name = case["source_test"].rpartition(".")[2]
        better, _ = BETTER.get((path.stem, name), (None, ""))
        fields = [field for field in FIELDS if field != better]
        theirs = [{field: each[field] for field in fields} for each in case["expected_events"]]
        assert [{field: each[field] for field in fields} for each in ours] == theirs, name


def test_signatures_are_judged_as_known():
    path = FOLDER / "signatures.json"
    known = json.loads(path.read_text())

    found = explaining_signatures.explain_signatures(json.loads(path.read_bytes()), path.parent)
    assert {each["name"]: ours for each, ours in zip(known, found, strict=True)} == {
        each["name"]: each["valid"] for each in known
    }


@pytest.mark.parametrize("provider", FRAMES)
def test_every_word_of_the_reference_is_known(provider):
    [maps] = json.loads((FOLDER / "event_maps.json").read_text())[provider].values()
    for word, expected in maps["event_types"].items():
        event_type, reason = expected if isinstance(expected, list) else (expected, None)
        post = json.dumps(FRAMES[provider](word))
        case = {"request": {"headers": {}, "body": {"text": post}}, "settings": {}}
        [[ours]] = explaining.explain_events(BY_NAME[provider], [case])
        assert ours["event_type"] == event_type, word
        if isinstance(expected, list):
            assert ours["reject_reason"] == reason, word


@pytest.mark.parametrize(
    ("provider", "frame"),
    [
        ("mailjet", lambda word: {"event": "bounce", "hard_bounce": True, "error": word}),
        ("mailgun", lambda word: {"event-data": {"event": "failed", "reason": word}}),
        ("sparkpost", lambda word: [{"msys": {"e": {"type": "bounce", "bounce_class": word}}}]),
        ("sendgrid", lambda word: [{"event": "dropped", "reason": word}]),
    ],
)
def test_every_reason_of_the_reference_is_known(provider, frame):
    [maps] = json.loads((FOLDER / "event_maps.json").read_text())[provider].values()
    for word, expected in maps["reject_reasons"].items():
        reason = expected[0] if isinstance(expected, list) else expected
        case = {"request": {"body": {"text": json.dumps(frame(word))}}}
        [[ours]] = explaining.explain_events(BY_NAME[provider], [case])
        assert ours["reject_reason"] == reason, word
        if isinstance(expected, list):
            assert ours["event_type"] == expected[1], word
