"""How the way back of a Connection is doing: what is right, what is not, and what to do about it.

Nothing here counts copies row by row: the tallies of the few emails concerned do.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import urlsplit

from sqlalchemy import func, select

from webapp.bulk_email.models import BulkEmail
from webapp.delivery import returning
from webapp.delivery.models import Connection, Tally
from webapp.extensions import db
from webapp.providers.contract import Provider

PATIENCE = timedelta(minutes=10)  # events may take that long
SAVE_AGAIN = (
    "Save this connection once more: that sets it up again. It posts to the address of this"
    " installation: BASE_URL."
)


class Level(StrEnum):
    OK = "ok"
    WAIT = "wait"
    BAD = "bad"


@dataclass(frozen=True)
class Finding:
    """One sentence, what to do about it, and the moment it speaks of."""

    level: Level
    text: str
    remedy: str = ""
    at: datetime | None = None
    lead: str = ""  # words between the sentence and the moment


def findings(connection: Connection, provider: Provider, now: datetime) -> list[Finding]:
    """What is to be said of the way back, worst news first."""
    if not provider.reports and returning.bounces_come_back(connection):
        return [_about_bounces(connection)]
    if not provider.reports:
        return [
            Finding(
                Level.WAIT,
                "A server of this kind reports nothing after its first answer.",
                "Copies stay at Sent unless a bounce mail comes back.",
            )
        ]
    found = [
        *_about_key(connection, provider),
        *_about_confirmation(connection, provider),
        *_about_refusals(connection, provider),
        *_about_events(connection, provider, now),
    ]
    order = list(Level)
    return sorted(found, key=lambda finding: -order.index(finding.level))


def about_hook(hook: str, provider: Provider) -> str:
    """Why `provider` cannot post to the address `hook`; "" where nothing speaks against it."""
    parts = urlsplit(hook)
    if provider.host == parts.hostname:  # the sandbox posts from here
        return ""
    change = "Set BASE_URL to the public https address of this installation."
    if _is_local(parts.hostname or ""):
        return f"{provider.title} cannot reach this address from outside. {change}"
    if parts.scheme != "https":
        return f"Events would come unencrypted, and many providers post to https only. {change}"
    return ""


def _is_local(host: str) -> bool:
    try:
        return not ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith((".local", ".localhost", ".internal", ".lan"))


def silent_copies(connection: Connection, now: datetime, since: datetime | None = None) -> int:
    """Copies handed over, some time ago, by emails that began after the last event (and `since`):
    without any word of their provider."""
    statement = (
        select(func.coalesce(func.sum(Tally.sent), 0))
        .join(BulkEmail, BulkEmail.id == Tally.bulk_email_id)
        .where(
            BulkEmail.connection_id == connection.id,
            BulkEmail.started_at < now - PATIENCE,
        )
    )
    if connection.last_event_at:
        statement = statement.where(BulkEmail.started_at > connection.last_event_at)
    if since:
        statement = statement.where(BulkEmail.started_at > since)
    return db.session.scalar(statement) or 0


def _about_bounces(connection: Connection) -> Finding:
    way = connection.return_way
    if way.error:
        remedy = "Copies stay at Sent until it can: see Bounce mailbox."
        return Finding(Level.BAD, f"The bounce mailbox cannot be looked into: {way.error}", remedy)
    if connection.last_event_at is None:
        return Finding(Level.WAIT, f"Nothing has come back to {way.address} yet.")
    return Finding(Level.OK, f"Last mail to {way.address}", at=connection.last_event_at)


def _about_key(connection: Connection, provider: Provider) -> list[Finding]:
    if connection.hook_secret:
        return []
    remedy = _remedy(provider, f"Set up {provider.title} as described below, and give the key.")
    return [Finding(Level.BAD, "There is no key yet, so every event is refused.", remedy)]


def _about_confirmation(connection: Connection, provider: Provider) -> list[Finding]:
    if connection.confirm_error:
        return [
            Finding(
                Level.BAD,
                f"The subscription could not be confirmed: {connection.confirm_error}",
                f"It is tried again. You can also confirm it by hand at {provider.title}.",
                connection.confirm_tried_at,
            )
        ]
    if connection.confirm_url:
        return [Finding(Level.WAIT, "The subscription is being confirmed.")]
    if connection.confirmed_at:
        at = connection.confirmed_at
        return [Finding(Level.OK, "The subscription is confirmed.", at=at)]
    return []


def _about_refusals(connection: Connection, provider: Provider) -> list[Finding]:
    number = connection.refused_signatures
    if not number:
        return []
    word = "signature" if number == 1 else "signatures"
    last, event = connection.last_refused_at, connection.last_event_at
    is_worst = event is None or (last is not None and last > event)
    return [
        Finding(
            Level.BAD if is_worst else Level.WAIT,
            f"{number:,} refused {word} since the key was set",
            _remedy(
                provider,
                f"Compare the key with the one at {provider.title}. If they are the same, somebody"
                " else knows the hook address.",
            ),
            last,
            "; the last",
        )
    ]


def _about_events(connection: Connection, provider: Provider, now: datetime) -> list[Finding]:
    last = connection.last_event_at
    silent = 0 if last and now - last < PATIENCE else silent_copies(connection, now)
    copies = "1 copy" if silent == 1 else f"{silent:,} copies"
    if silent and last is None:
        text = f"No event for {copies} sent: the hook is not set up."
        remedy = _remedy(provider, f"Follow the steps below at {provider.title}.")
        return [Finding(Level.BAD, text, remedy)]
    if silent:
        text = f"No event for {copies} sent since the last one"
        look = f"Look whether {provider.title} still has the hook, and whether it is switched on."
        remedy = _remedy(provider, look)
        return [Finding(Level.BAD if silent > 1 else Level.WAIT, text, remedy, last)]
    if last is None and not connection.hook_secret:
        return []  # none can come
    if last is None:
        return [Finding(Level.WAIT, "No event yet.", "Send a test and wait for its event.")]
    return [Finding(Level.OK, "Last event", at=last)]


def _remedy(provider: Provider, otherwise: str) -> str:
    """What to do where the hook may be wrong."""
    return SAVE_AGAIN if provider.is_set_up_by_itself else otherwise
