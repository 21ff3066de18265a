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
    click.echo(json.dumps(explaining.explain_events(BY_NAME[name], _array(file)), indent=1))


@explain.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def signatures(file: Path) -> None:
    """Print for each signed post in FILE whether it is authentic: one JSON array."""
    found = explaining_signatures.explain_signatures(_array(file), file.parent)
    click.echo(json.dumps(found))


def _array(file: Path) -> list:
    try:
        found = json.loads(file.read_bytes())
    except (ValueError, RecursionError):
        raise click.ClickException(f"{file}: this is not JSON.") from None
    if not isinstance(found, list):
        raise click.ClickException(f"{file}: this is no JSON array of recorded posts.")
    return found


explain.add_command(explain_bounces)
explain.add_command(explain_replies)
