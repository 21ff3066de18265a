"""Connections: how a workspace reaches its mail relay, set up by its admins."""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import func, select

from webapp.accounts import auditing
from webapp.accounts.models import User, Workspace
from webapp.bulk_email import limiting
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.delivery.models import Connection, Security
from webapp.extensions import db
from webapp.lib import addresses, clock
from webapp.mail.conversation import ConnectError, Conversation, Server
from webapp.providers.contract import Provider

SECURITIES = [
    (Security.STARTTLS, "STARTTLS (usual on port 587)"),
    (Security.TLS, "TLS (usual on port 465)"),
    (Security.NONE, "None (own network only)"),
]


@dataclass(frozen=True)
class ConnectionInput(limiting.LimitsInput):
    """What the page of a connection sends; blank secrets leave the stored ones."""

    name: str
    provider: str
    host: str
    port: str
    security: str
    username: str
    password: str
    from_name: str
    from_address: str


def new(workspace: Workspace, provider: Provider) -> Connection:
    """One not yet stored, filled with the provider's facts; its hook address cannot be guessed."""
    connection = Connection(
        workspace_id=workspace.id,
        name=provider.title if provider.host else "",
        from_name="",
        from_address="",
        max_connections=4,
        hook_token=secrets.token_hex(24),
    )
    suggest(connection, provider)
    return connection


# what an entry in the audit log says of a change
_AUDITED = ("name", "provider", "host", "port", "security", "username", "from_name", "from_address")


def suggest(connection: Connection, provider: Provider) -> None:
    """Fill in what is known of a provider, for the page; saving is another step."""
    connection.provider = provider.name
    connection.host = provider.host
    connection.port = provider.port
    connection.username = provider.username or None
    connection.security = Security.NONE if provider.name == "sandbox" else Security.STARTTLS


def save(
    connection: Connection,
    typed: ConnectionInput,
    providers: Mapping[str, Provider],
    by: User,
    refuse_host: Callable[[str], None],
) -> dict[str, str]:
    """Take over what was typed; {field: what is wrong}, and then nothing is stored. Commits."""
    errors = _problems(typed, providers, refuse_host) | limiting.problems(connection, typed)
    if errors:
        db.session.rollback()
        return errors
    if connection.id and connection.provider != typed.provider:
        _forget_keys(connection)  # another provider's key opens nothing here
    if providers[typed.provider].is_set_up_by_itself:
        typed = _signing_in_with_the_hook(connection, typed)
    connection.name = typed.name.strip()
    connection.provider = typed.provider
    connection.host = typed.host.strip()
    connection.port = int(typed.port)
    connection.security = typed.security
    connection.username = typed.username.strip() or None
    connection.from_name = typed.from_name.strip()
    connection.from_address = typed.from_address.strip()
    changes = auditing.changes(connection, *_AUDITED) if connection.id else {}
    if "provider" in changes:
        changes["provider"] = [_title(name, providers) for name in changes["provider"]]
    if connection.id and typed.password:
        changes["password"] = "a new one"
    changes |= limiting.apply(connection, typed)
    if typed.password:
        connection.password = typed.password
    connection.paused_until, connection.pause_reason = None, ""
    connection.connect_failures = 0
    db.session.add(connection)
    db.session.flush()
    _note(connection, "connection.saved", by, **changes)
    db.session.commit()
    return {}


def _signing_in_with_the_hook(connection: Connection, typed: ConnectionInput) -> ConnectionInput:
    """The hook's token and key are the user name and password, so that nobody is told them."""
    connection.hook_secret = connection.hook_secret or make_key()
    is_known = connection.password == connection.hook_secret
    return replace(
        typed,
        username=connection.hook_token,
        password="" if is_known else connection.hook_secret,
    )


def _title(name: str, providers: Mapping[str, Provider]) -> str:
    return providers[name].title if name in providers else name


def set_key(connection: Connection, key: str, keep_old: timedelta, by: User) -> None:
    """Prove posts by `key` from now on; the one before is accepted for `keep_old` more. Commits."""
    now = clock.now()
    if connection.hook_secret and connection.hook_secret != key:
        connection.old_hook_secret = connection.hook_secret if keep_old else None
        connection.old_hook_secret_until = now + keep_old if keep_old else None
    connection.hook_secret = key
    connection.key_set_at = now
    connection.refused_signatures, connection.last_refused_at = 0, None
    _note(connection, "connection.key_set", by)
    db.session.commit()


def make_key() -> str:
    """A password of our making, for providers that are told one."""
    return secrets.token_urlsafe(24)


def end_old_key(connection: Connection, by: User) -> None:
    """The key before the current one is refused at once. Commits."""
    connection.old_hook_secret = connection.old_hook_secret_until = None
    _note(connection, "connection.old_key_ended", by)
    db.session.commit()


def remove(connection: Connection, by: User) -> str | None:
    """Take it out of use; one sentence why not while something is being sent over it. Commits."""
    busy = db.session.scalar(
        select(func.count()).where(
            BulkEmail.connection_id == connection.id,
            BulkEmail.stage.in_((Stage.SCHEDULED, Stage.PREPARING, Stage.SENDING, Stage.PAUSED)),
        )
    )
    if busy:
        return "Emails are scheduled or being sent over this connection."
    connection.removed_at = clock.now()
    connection.password = None
    _note(connection, "connection.removed", by)
    db.session.commit()
    return None


def test(server: Server) -> str | None:
    """Greet, encrypt and sign in for real; None when all went well, else one sentence."""
    return asyncio.run(_greet(server))


def _forget_keys(connection: Connection) -> None:
    connection.hook_secret = connection.old_hook_secret = None
    connection.old_hook_secret_until = connection.key_set_at = None
    connection.last_event_at = connection.last_refused_at = None
    connection.refused_signatures = 0
    connection.confirm_url = connection.confirmed_at = None
    connection.confirm_error = ""


def _note(connection: Connection, event: str, by: User, **details) -> None:
    workspace = db.session.get_one(Workspace, connection.workspace_id)
    auditing.note(
        event, workspace=workspace, by=by, subject=connection, name=connection.name, **details
    )


async def _greet(server: Server) -> str | None:
    conversation = Conversation(server)
    try:
        await conversation.open()
    except ConnectError as error:
        return str(error)
    await conversation.close()
    return None


def _problems(typed: ConnectionInput, providers: Mapping, refuse_host: Callable) -> dict[str, str]:
    found = {}
    if not 1 <= len(typed.name.strip()) <= 120:
        found["name"] = "Give it a name of at most 120 characters."
    if typed.provider not in providers:
        found["provider"] = "Choose one from the list."
    if not typed.host.strip() or any(c.isspace() or ord(c) < 33 for c in typed.host.strip()):
        found["host"] = "Write the name of the mail server, like smtp.example.org."
    else:
        try:
            refuse_host(typed.host.strip())
        except ConnectError as error:
            found["host"] = str(error)
    if not typed.port.isdecimal() or not 1 <= int(typed.port) <= 65535:
        found["port"] = "A port is a number from 1 to 65535."
    if typed.security not in list(Security):
        found["security"] = "Choose one from the list."
    if problem := addresses.check(typed.from_address).problem:
        found["from_address"] = problem
    return found
