"""What is posted to the program's hook."""

import asyncio
import json
from collections import Counter
from dataclasses import replace

import pytest

from tests.sandbox.playing import CALM, USER, Playing, eventually
from webapp.providers import sandbox as provider
from webapp.sandbox import reporting
from webapp.sandbox.browsing import browse

SEQUENCES = {
    "bounce": ["processed", "bounced"],
    "softbounce": ["processed", "deferred", "soft_bounced"],
    "defer": ["processed", "deferred", "deferred", "delivered"],
    "drop": ["dropped"],
    "late-bounce": ["processed", "delivered", "bounced"],
    "complain": ["processed", "delivered", "complained"],
    "autoreply": ["processed", "delivered", "autoreplied"],
    "none": ["processed", "delivered"],
}


def test_every_outcome_is_told_in_its_order(sandbox: Playing, receiver):
    for tag in SEQUENCES:
        sandbox.send(f"ann+{tag}@example.org")
    for tag, events in SEQUENCES.items():
        eventually(lambda: receiver.told(f"ann+{tag}@example.org") == events)  # noqa: B023
    assert receiver.forged == 0


def test_silent_is_never_told(sandbox: Playing, receiver):
    sandbox.send("ann+silent@example.org")
    sandbox.send("bo@example.org")
    eventually(lambda: receiver.told("bo@example.org") == ["processed", "delivered"])
    assert receiver.told("ann+silent@example.org") == []


def test_an_event_says_of_which_copy_when_and_in_which_words(sandbox: Playing, receiver):
    sandbox.send("ann+bounce@example.org")
    eventually(lambda: len(receiver.events) == 2)
    bounced = receiver.events[-1]
    assert bounced["token"] == "token of ann+bounce@example.org"
    assert bounced["smtp"].startswith("55")
    assert bounced["attempt"] == 1
    assert receiver.posts[0][1] == f"/hooks/sandbox/{USER}"


def test_the_provider_file_reads_what_is_posted(sandbox: Playing, receiver):
    sandbox.send("ann+defer@example.org")
    eventually(lambda: len(receiver.events) == 4)
    reports = provider.parse(json.dumps(receiver.events).encode(), {})
    assert [str(report.kind) for report in reports] == SEQUENCES["defer"]
    assert all(report.happened_at for report in reports)


def test_reports_travel_in_batches(sandbox: Playing, receiver):
    with sandbox.connect() as relay:
        for number in range(40):
            relay.sendmail("a@acme.test", [f"p{number}@x.org"], "Subject: x\r\n\r\ny")
    eventually(lambda: len(receiver.events) == 80)
    assert len(receiver.posts) < 40


def test_some_posts_and_some_events_come_twice(receiver, path):
    with Playing(path, receiver.url, replace(CALM, twice=1)) as sandbox:
        sandbox.send("ann@example.org")
        eventually(lambda: len(receiver.events) >= 8)
    ids = Counter(event["id"] for event in receiver.events)
    deliveries = Counter(post[2] for post in receiver.posts)
    assert len(ids) == 2
    assert min(ids.values()) >= 2
    assert max(deliveries.values()) == 2


def test_some_come_out_of_order(receiver, path):
    with Playing(path, receiver.url, replace(CALM, pace=1, disordered=1)) as sandbox:
        sandbox.send("ann@example.org")
        eventually(lambda: len(receiver.events) == 2)
    assert receiver.told("ann@example.org") == ["delivered", "processed"]
    delivered, processed = receiver.events
    assert processed["at"] < delivered["at"]


@pytest.mark.parametrize("status", [500, 503, 429])
def test_our_trouble_is_waited_out(sandbox: Playing, receiver, status: int):
    receiver.answers = [status] * 3
    sandbox.send("ann@example.org")
    eventually(lambda: receiver.told("ann@example.org") == ["processed", "delivered"])


def test_a_refused_signature_is_final_and_shown(sandbox: Playing, receiver, path):
    receiver.answers = [401] * 10
    sandbox.send("ann@example.org")
    eventually(lambda: _answers(path) == ["refused: 401"] * 2)
    assert receiver.events == []


def _answers(path) -> list[str | None]:
    with browse(path, {USER}) as browser:
        return [told.answer for line in browser.page()[0] for told in browser.told(line)]


def test_what_could_not_be_posted_is_posted_after_a_restart(receiver, path):
    with Playing(path, "http://127.0.0.1:9", CALM) as sandbox:
        sandbox.send("ann@example.org")
    assert receiver.events == []
    with Playing(path, receiver.url):
        eventually(lambda: receiver.told("ann@example.org") == ["processed", "delivered"])


def test_nobody_there_is_no_answer():
    assert asyncio.run(reporting.post("http://127.0.0.1:9/x", b"", {})) is None
