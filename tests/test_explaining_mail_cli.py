"""The commands that read mails and replies from a file."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from webapp.cli import commands


def explained(path: Path, command: str, content: bytes) -> str:
    file = path / "said.jsonl"
    file.write_bytes(content)
    return CliRunner().invoke(commands, ["explain", command, str(file)]).output


@pytest.mark.parametrize(
    ("reply", "outcome", "kind", "cause"),
    [
        ("550 5.1.1 User unknown", "refused", "permanent", "mailbox_missing"),
        ("451 4.7.1 Greylisted", "refused_for_now", "temporary", "greylisted"),
        ("535 5.7.8 Bad credentials", "denied", "permanent", "our_server"),
        ("454 4.7.1 Relay access denied", "refused_for_now", "temporary", "our_server"),
        ("250 2.0.0 Ok", "accepted", "delivered", None),
    ],
)
def test_a_reply_is_said_to_mean_what_it_means_in_sending(tmp_path, reply, outcome, kind, cause):
    found = json.loads(explained(tmp_path, "replies", json.dumps({"reply": reply}).encode()))
    assert (found["outcome"], found["class"], found.get("cause")) == (outcome, kind, cause)


@pytest.mark.parametrize("content", [b"\xff\n", b"[]\n", b'{"message_b64": "\xc3\xa9"}\n'])
def test_a_file_of_something_else_is_answered_with_a_sentence(tmp_path: Path, content: bytes):
    assert explained(tmp_path, "bounces", content).startswith("Error: ")
