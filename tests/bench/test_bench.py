"""The benchmark runs, and compares what arrives; how fast that was here is nobody's business."""

import json
import subprocess
import sys

from tests.bench import corpus
from tests.bench.places import ROOT
from tests.bench.sinks import Sink


def bench(*words: str) -> dict[str, dict]:
    """{who: JSON line} of a run."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", *words],
        cwd=ROOT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {line["who"]: line for line in lines}


def test_sending_is_measured_and_every_copy_compared():
    ours = "email-tracker, SQLite, 1 worker"
    limit = "Postfix smtp-source"
    lines = bench("sending", "--mails", "200", "--rounds", "1", "--only", limit, "--only", ours)
    assert list(lines) == [limit, ours]
    assert lines[limit]["ratio_to_limit"] == 1
    assert lines[ours]["ratio_to_limit"] > 0
    assert lines[ours]["checked"] > 0


def test_events_are_measured_and_every_one_of_them_counted():
    words = ("--mails", "150", "--rounds", "1", "--databases", "SQLite", "--only", "ORM")
    lines = bench("events", *words)
    whole = lines["email-tracker, SQLite"]
    assert 0 < whole["ratio_to_limit"] < 1
    assert whole["unit"] == "events/s"
    assert not [who for who in lines if "anymail" in who]  # not fetched for a test


def test_reading_is_measured_at_two_sizes():
    words = ("--mails", "1200", "--rounds", "1", "--seconds", "1", "--databases", "SQLite")
    lines = bench("reading", *words)
    assert lines["its recipients, 1,000 copies, SQLite"]["ratio_to_limit"] == 1
    assert lines["its recipients, 1,200 copies, SQLite"]["ratio_to_limit"] > 0
    assert lines["an unchanged poll, 1,200 copies, SQLite"]["ratio_to_limit"] > 0


def test_a_wrong_text_a_missing_and_a_double_copy_are_found(tmp_path):
    good = [f"{corpus.address(n)} {text:08x} {html:08x}" for n, text, html in sums(range(3))]
    ledger = tmp_path / "ledger"
    ledger.write_text("\n".join([good[0], good[0], good[1].replace(good[1][-4:], "0000")]))
    found = Sink(0, ledger, is_checking=True).problems(3, corpus.person)
    assert [text.split(" ", 1)[1] for text in found] == ["got 2", "got none", "got another text"]


def sums(numbers):
    return [(number, *corpus.sums(corpus.person(number))) for number in numbers]
