"""`email-tracker explain …`: reads files from outside and says what we make of them, storing
nothing. For looking into a case, and for measuring the readers against known answers."""

import json
from pathlib import Path

import click

from webapp.explaining_mail_cli import explain_bounces, explain_replies
from webapp.providers import BY_NAME, explaining, explaining_signatures


@click.group()
def explain() -> None:
    """Say what we make of bounces, replies and providers' events in a file. Stores nothing."""


@explain.command()
@click.option("--provider", "name", type=click.Choice(sorted(BY_NAME)), required=True)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def events(name: str, file: Path) -> None:
    """Print the events in recorded posts of a provider: one JSON array, per post an array."""
    requests = json.loads(file.read_text("utf-8"))
    click.echo(json.dumps(explaining.explain_events(BY_NAME[name], requests), indent=1))


@explain.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def signatures(file: Path) -> None:
    """Print for each signed post in FILE whether it is authentic: one JSON array."""
    click.echo(json.dumps(explaining_signatures.explain_signatures(file)))


explain.add_command(explain_bounces)
explain.add_command(explain_replies)
