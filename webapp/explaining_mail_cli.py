"""`email-tracker explain bounces` and `… replies`: what we make of mails and answers in a file."""

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from webapp.mail import bounces, findings, reading_replies, replies
from webapp.mail.bounces import Kind, Reading
from webapp.mail.causes import WORDS, Cause
from webapp.mail.findings import Finding, Verdict
from webapp.mail.replies import Outcome, Reply

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_VERDICTS = {
    Outcome.REFUSED_FOR_NOW: Verdict.TEMPORARY,
    Outcome.REFUSED: Verdict.PERMANENT,
    Outcome.DENIED: Verdict.PERMANENT,
}


@click.command("bounces")
@click.argument("file", type=_FILE)
def explain_bounces(file: Path) -> None:
    """Mails that came back. FILE holds JSON lines with `id` and `message_b64` (the raw mail).

    One line each: `kind` (bounce, complaint, autoreply, delivered, not_bounce) and `recipients`
    with class, status, whether final, whether hard, cause, whose side, and the server's own text.
    A mail by itself (.eml) is read, too.
    """
    for identity, raw in _mails(file):
        click.echo(json.dumps({"id": identity, **_of_reading(bounces.read(raw))}))


@click.command("replies")
@click.argument("file", type=_FILE)
def explain_replies(file: Path) -> None:
    """SMTP replies. FILE holds JSON lines with `reply` ("550 5.1.1 User unknown")."""
    for line in _lines(file):
        text = str(line.get("reply", ""))
        found = findings.judge("", text)
        code = text[:3]
        has_code = code.isascii() and code.isdecimal() and 200 <= int(code) < 600
        verdict = replies.judge(Reply(int(code) if has_code else 550, text[4:]), at_recipient=True)
        if verdict.outcome is Outcome.ACCEPTED:
            found = replace(found, verdict=Verdict.DELIVERED, cause=None)
        elif has_code:  # what sending goes by, whatever enhanced code contradicts it
            found = replace(found, verdict=_VERDICTS[verdict.outcome])
        if verdict.cause is Cause.OUR_SERVER and not found.is_nobody:  # as sending has it
            found = replace(found, cause=verdict.cause)
        said = _of_finding(found) | {"outcome": verdict.outcome}
        click.echo(json.dumps({"id": line.get("id"), "reply": text, **said}))


def _mails(file: Path) -> Iterator[tuple[str, bytes]]:
    if file.suffix != ".jsonl":
        yield file.name, file.read_bytes()
        return
    for line in _lines(file):
        try:
            yield str(line.get("id", "")), base64.b64decode(line["message_b64"])
        except (KeyError, TypeError, ValueError):
            raise click.ClickException(
                f"{file}: a line without `message_b64`, the raw mail in base64."
            ) from None


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                found = json.loads(line)
            except (ValueError, RecursionError):
                raise click.ClickException(f"{file}, line {number}: this is not JSON.") from None
            if not isinstance(found, dict):
                raise click.ClickException(f"{file}, line {number}: this is no JSON object.")
            yield found


def _of_reading(reading: Reading) -> dict[str, Any]:
    said: dict[str, Any] = {"kind": reading.kind}
    if reading.kind is Kind.COMPLAINT and reading.letter:
        said["feedback_type"] = reading_replies.feedback_type(reading.letter)
    return said | {"recipients": [_of_finding(found) for found in reading.findings]}


def _of_finding(found: Finding) -> dict[str, Any]:
    said: dict[str, Any] = {
        "address": found.address,
        "class": found.verdict,
        "status": found.status,
        "final": found.is_final,
        "hard": found.is_nobody,
        "reply": found.reply,
    }
    if found.cause is None or found.verdict is Verdict.DELIVERED:
        return said
    words = WORDS[found.cause]
    return said | {
        "cause": found.cause,
        "side": words.side,
        "sentence": words.sentence,
        "remedy": words.remedy,
    }
