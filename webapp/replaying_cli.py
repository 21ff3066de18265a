"""`email-tracker replay`: what stored reports say, read again by this version of the program."""

from collections import Counter
from datetime import UTC, datetime

import click
from flask import Flask

from webapp.accounts import auditing
from webapp.delivery.revising import Revision
from webapp.email_tracker import replaying
from webapp.extensions import db
from webapp.providers import READERS


def replay(
    app: Flask, *, apply: bool, provider: str, since: datetime | None, after: int
) -> Revision:
    """Go through the stored Arrivals, chunk by chunk, and print what changes."""
    key, total = app.config["TOKEN_KEY"], Revision()
    with app.app_context():
        since = since.replace(tzinfo=UTC) if since else None
        number = replaying.count(provider, since)
        db.session.rollback()
        last: int | None = after
        try:
            with click.progressbar(length=number, label="Reading again") as bar:
                while last is not None:
                    after = last
                    revision, last = replaying.replay_some(
                        READERS, key, after=after, apply=apply, provider=provider, since=since
                    )
                    db.session.expunge_all()
                    total += revision
                    bar.update(revision.arrivals)
        except KeyboardInterrupt:
            click.echo(f"\nStopped. `--after {after}` goes on from here.", err=True)
        finally:
            if apply and not total.is_empty:
                _audit(total)
    return total


def say(total: Revision, *, apply: bool) -> None:
    """The report of a replay."""
    click.echo(f"{total.arrivals:,} stored reports were read again.")
    if total.unreadable:
        click.echo(f"{total.unreadable:,} of them cannot be read, and stay as they are.")
    if total.is_empty:
        click.echo("Nothing changes: all is as this version reads it.")
        return
    click.echo("What has changed:" if apply else "What would change:")
    for line in _lines(total):
        click.echo(f"  {line}")
    if not apply:
        click.echo("Nothing was changed. `email-tracker replay --apply` does it.")


def _lines(total: Revision) -> list[str]:
    events = {
        "new events": total.added,
        "events that say something else": total.changed,
        "events that no longer hold": total.gone,
    }
    numbers = {
        "reports that can be read now": total.read_again,
        "leaving the Unmatched tray": total.unparked,
        "coming into the Unmatched tray": total.parked,
        "addresses suppressed": total.suppressed,
        "suppressions lifted": total.lifted,
    }
    lines = [f"{words}: {_kinds(counts)}" for words, counts in events.items() if counts]
    for (before, now), number in total.statuses.most_common():
        lines.append(f"copies from {_plain(before)} to {_plain(now)}: {number:,}")
    lines += [f"{words}: {number:,}" for words, number in numbers.items() if number]
    return lines + [f"for example {each}" for each in total.examples]


def _kinds(counts: Counter[str]) -> str:
    return ", ".join(f"{number:,} {_plain(kind)}" for kind, number in counts.most_common())


def _plain(word: str) -> str:
    return str(word).replace("_", " ")


def _audit(total: Revision) -> None:
    """One line in the log of the installation: who may run this command may do anything."""
    auditing.note(
        "reports.read_again", workspace=None, by=None,
        events=sum((total.added + total.changed + total.gone).values()),
        copies=sum(total.statuses.values()),
    )  # fmt: skip
    db.session.commit()
