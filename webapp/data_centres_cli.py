"""`email-tracker data-centres`: the networks from which no human opens or clicks."""

from pathlib import Path

import click
from flask import Flask

from webapp.delivery import locating
from webapp.mail import networks

MOST_NAME = 100


def keep(app: Flask, files: tuple[Path, ...]) -> None:
    """Each file under its own name. All are read before anything is kept."""
    found = {}
    for file in files:
        try:
            found[file.stem[:MOST_NAME]] = networks.read(file.read_text("utf-8", "replace"))
        except networks.NetworksError as error:
            raise click.ClickException(f"{file}: {error}") from None
    with app.app_context():
        for name, read in found.items():
            locating.keep(name, read)


def forget(app: Flask, name: str) -> None:
    with app.app_context():
        if not locating.forget(name):
            raise click.ClickException(f"There are no networks under the name {name}.")


def say(app: Flask) -> None:
    with app.app_context():
        lines = locating.listed()
    for line in lines:
        click.echo(f"{line.name}: {line.size:,} networks, read {line.read_at:%Y-%m-%d %H:%M} UTC")
    if not lines:
        click.echo("No networks are known. Give files in which they stand as 192.0.2.0/24.")
