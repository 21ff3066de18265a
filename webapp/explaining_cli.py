"""`email-tracker explain …`: reads files from outside and says what we make of them, storing
nothing. For looking into a case, and for measuring the readers against known answers."""

import click


@click.group()
def explain() -> None:
    """Say what we make of bounces, replies and providers' events in a file. Stores nothing."""
