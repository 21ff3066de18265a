"""The console script `email-tracker`."""

import os
import secrets
import sys
from datetime import datetime
from pathlib import Path

import click
from flask import Flask
from flask_security.utils import hash_password
from sqlalchemy import select

from webapp import create_app, data_centres_cli, replaying_cli, settings
from webapp.accounts import inviting, signing_in
from webapp.accounts.models import User
from webapp.delivery import adopting
from webapp.explaining_cli import explain
from webapp.extensions import db
from webapp.providers import READERS
from webapp.queue import Lane
from webapp.running import (
    checking,
    diagnosing,
    logs,
    migrating,
    receiving,
    seeding,
    serving,
    starting,
    tying,
    working,
)
from webapp.settings import SettingError

LEAST_PASSWORD = 10


def main() -> None:
    """`email-tracker …`: what is wrong with the settings is one sentence, and exit code 2."""
    try:
        commands(standalone_mode=False)
    except SettingError as error:
        click.echo(f"email-tracker: {error}", err=True)
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(1)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def commands() -> None:
    """Send one email to the people in a form, and know what became of every copy.

    \b
    To try it:  email-tracker up --demo   (or: make run)
    For real:   email-tracker init        once: the tables and the owner
                email-tracker up          on one host; or, on several:
                email-tracker web         the web server alone
                email-tracker receiver    takes mail that comes back
                email-tracker worker      as many as you like, on any host

    Settings are environment variables, listed in README.md. DATA_DIR (./var) keeps everything that
    is kept in files; DATABASE_URL and REDIS_URL put PostgreSQL and a Redis in place of our own.
    """
    logs.configure()


@commands.command()
@click.option("--demo", is_flag=True, help="With made-up people and a mail server that only plays.")
@click.option("--tie", is_flag=True, help="End, too, when what started this command ends.")
def up(demo: bool, tie: bool) -> None:
    """Start everything on this host; Ctrl-C stops it.

    Redis (unless REDIS_URL names one), the web server, workers for every lane and, with --demo,
    the sandbox. The database is brought up to date first.
    """
    if tie:
        tying.tie_to(os.getppid())
    starting.up(demo=seeding.demo if demo else None, say=_say_demo if demo else _say)


@commands.command()
@click.option("--address", prompt="Your email address", help="The owner's, to sign in with.")
@click.option("--name", prompt="Your name", help="The owner's, as others see it.")
@click.option("--workspace", prompt="Name of the first workspace", help="Where forms live.")
@click.password_option(help="The owner's; asked for where it is not given.")
def init(address: str, name: str, workspace: str, password: str) -> None:
    """Make the tables, the owner and the first workspace. Once, before the first `up`."""
    folder = settings.data_dir()
    checking.check_folder(folder)
    settings.make_secret_key(folder)
    app = _checked_app()
    migrating.upgrade(app)
    if len(password) < LEAST_PASSWORD:
        raise SettingError(f"The password must have at least {LEAST_PASSWORD} characters.")
    with app.app_context():
        if not seeding.is_empty():
            raise SettingError("Somebody can sign in already: ask an owner for an invitation.")
        _make_owner(address, name, workspace, password)
    click.echo(f"Ready. Start with `email-tracker up`, and sign in as {address}.")


@commands.command()
@click.option("--address", prompt="Whose address", help="What they sign in with.")
@click.option("--undo", is_flag=True, help="Let them in again.")
def disable(address: str, undo: bool) -> None:
    """Shut somebody out: no sign-in any more, and every session ends at once."""
    app = _current_app()
    with app.app_context():
        user = db.session.scalar(select(User).where(User.email == address.strip().lower()))
        if user is None:
            raise SettingError(f"Nobody signs in as {address}.")
        (signing_in.enable if undo else signing_in.disable)(user)
    click.echo(f"{address} can sign in again." if undo else f"{address} is shut out.")


@commands.command()
@click.option(
    "--people",
    default=seeding.PEOPLE,
    show_default=True,
    type=click.IntRange(1, 5_000_000),
    help="How many.",
)
def seed(people: int) -> None:
    """Add a demo workspace with a form of generated people.

    One in ten is troublesome on purpose: no address, a malformed or a double one, or one that the
    sandbox answers with a bounce, a delay, a complaint …
    """
    app = _current_app()
    with app.app_context():
        made = seeding.seed(people, sandbox_port=app.config["SETTINGS"].sandbox_smtp_port)
        click.echo(
            f"{made.people:,} people in “{made.form.name}”, workspace “{made.workspace.name}”."
        )
    click.echo(f"Sign in as {seeding.SIGN_INS[0][0]}, password {seeding.PASSWORD}.")


@commands.command()
def upgrade() -> None:
    """Bring the tables to this version. Stop the workers first; make a backup."""
    migrating.upgrade(_checked_app())
    click.echo("The tables are up to date.")


commands.add_command(upgrade, "migrate")
commands.add_command(explain)


@commands.command()
@click.option("--apply", is_flag=True, help="Do it; without, nothing is changed.")
@click.option(
    "--provider", type=click.Choice(sorted(READERS)), default=None, help="Only what it handed in."
)
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Only what came in from that day.")
@click.option(
    "--after", default=0, type=click.IntRange(0), help="Go on from where a replay was stopped."
)
def replay(apply: bool, provider: str | None, since: datetime | None, after: int) -> None:
    """Read stored reports again, after this program has learned to read them better.

    Says what would change, and changes nothing; with --apply it does. Every report came in as raw
    bytes that are kept, so a mistake of ours can be mended: events that no longer hold are taken
    out of the count, new ones added, and statuses, numbers and suppressions follow. It goes in
    small steps beside everything else, may be stopped at any time, and doubles nothing.
    """
    total = replaying_cli.replay(
        _current_app(), apply=apply, provider=provider or "", since=since, after=after
    )
    replaying_cli.say(total, apply=apply)


@commands.command()
def doctor() -> None:
    """Look at everything, and say what to do about what is not right."""
    checking.check_folder(settings.data_dir())
    findings = list(diagnosing.examine(create_app()))
    for finding in findings:
        mark = "ok " if finding.is_right else "NOT"
        advice = "" if finding.is_right else f" {finding.advice}"
        click.echo(f"{mark} {finding.subject}: {finding.text}{advice}")
    if not all(finding.is_right for finding in findings):
        sys.exit(1)


@commands.command()
def adopt() -> None:
    """Say that this database is the one that sends.

    After a backup was restored, a database moved, or a host added, nothing leaves until then: two
    copies of one database would send everybody their mail twice.
    """
    app = _current_app()
    here = adopting.this_host(app.config["SETTINGS"].data_dir)
    with app.app_context():
        adopting.is_trusted(here)  # asks, where this host is in doubt
        why = [adopting.sentence(each) for each in adopting.questions()]
        adopting.adopt(by=None)
        adopting.may_send(here)
    for line in why:
        click.echo(line)
    click.echo("Adopted: mail leaves again." if why else "No host is in doubt of this database.")


@commands.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--forget", metavar="NAME", help="Know the networks of that name no more.")
def data_centres(files: tuple[Path, ...], forget: str | None) -> None:
    """Name networks of data centres, so that opens and clicks from there count as a machine's.

    FILES hold networks (192.0.2.0/24, 2001:db8::/32) in any form: one a line, or the JSON that the
    operators of clouds publish. Each file takes the place of what was read under its name before.
    What was counted already is judged again. Without FILES it says what is known.
    """
    app = _current_app()
    if forget:
        data_centres_cli.forget(app, forget)
    data_centres_cli.keep(app, files)
    data_centres_cli.say(app)


@commands.command()
@click.option("--lanes", default=",".join(Lane), show_default=True, help="What to work at.")
@click.option(
    "--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="For each lane."
)
def worker(lanes: str, workers: int) -> None:
    """Run workers: any number of times, on any number of hosts.

    Each lane has processes of its own: sending hands copies to mail servers, digesting reads what
    comes back, telling posts letters and webhooks, chores imports and exports. One worker of all
    holds the clock. SIGTERM lets the work in hand end, for ten seconds at most.
    """
    chosen = _lanes(lanes)
    app = _current_app()
    checking.check_redis(app.config["REDIS_URL"])
    _forget_connections(app)
    working.run(app, chosen, workers)


@commands.command()
def web() -> None:
    """Run the web server alone, on LISTEN_HOST and PORT."""
    config = settings.read()
    listening = serving.bind(config.host, config.port, "PORT")
    app = _current_app()
    working.look_at_database(app)  # test mails leave from here
    click.echo(f"Listening on {config.base_url}")
    serving.serve(app, listening)


@commands.command()
def receiver() -> None:
    """Run the bounce receiver alone, on BOUNCE_HOST and BOUNCE_PORT.

    A mail server hands in there, by SMTP or LMTP, what comes back to the bounce addresses.
    """
    config = settings.read()
    if not config.bounce_port:
        raise SettingError("BOUNCE_PORT is not set: give the receiver a port.")
    listening = serving.bind(config.bounce_host, config.bounce_port, "BOUNCE_PORT")
    app = _current_app()
    click.echo(f"Mail that comes back is taken on {config.bounce_host}:{config.bounce_port}")
    receiving.serve(app, listening, is_lmtp=config.bounce_lmtp)


def run_worker() -> None:
    """`python worker.py …` is `email-tracker worker …`."""
    sys.argv.insert(1, "worker")
    main()


def _checked_app() -> Flask:
    app = create_app()
    checking.check_database(app)
    return app


def _current_app() -> Flask:
    """An app whose tables are there and of this version."""
    app = _checked_app()
    if not migrating.is_current(app):
        raise SettingError("The tables are not of this version: run `email-tracker upgrade`.")
    return app


def _forget_connections(app: Flask) -> None:
    """Before forking: the children open their own."""
    with app.app_context():
        db.engine.dispose()


def _lanes(text: str) -> list[Lane]:
    try:
        return [Lane(name.strip()) for name in text.split(",")]
    except ValueError as error:
        raise SettingError(f"{error}: the lanes are {', '.join(Lane)}.") from None


def _make_owner(address: str, name: str, workspace: str, password: str) -> None:
    owner = User(
        email=address.strip().lower(),
        name=name,
        password=hash_password(password),
        fs_uniquifier=secrets.token_hex(16),
    )
    db.session.add(owner)
    db.session.flush()
    inviting.create_workspace(workspace, owner)


def _say(address: str) -> None:
    click.echo(f"\n  Email Tracker is ready:  {address}\n  Ctrl-C stops it.\n")


def _say_demo(address: str) -> None:
    (owner, _, _), (viewer, _, _) = seeding.SIGN_INS
    click.echo(
        f"\n  Email Tracker is ready:  {address}\n"
        f"\n  Sign in as {owner} (owner) or {viewer} (viewer), password {seeding.PASSWORD}"
        "\n  Mails go to the built-in sandbox; nothing leaves this computer. Ctrl-C stops it.\n"
    )
