"""Endpoints are added, changed and removed by admins; each act leaves a line in the audit log."""

from collections.abc import Iterable
from datetime import timedelta
from urllib.parse import urlsplit

from sqlalchemy import func, select

from webapp.accounts import auditing
from webapp.accounts.models import User, Workspace
from webapp.bulk_email import dispatching
from webapp.delivery.models_endpoints import Endpoint, HappeningKind
from webapp.extensions import db
from webapp.lib import clock, standard_webhooks

MOST = 10  # in one workspace
OLD_SECRET_GOOD_FOR = timedelta(days=2)

# what each kind means, as the page says it
KINDS: dict[HappeningKind, str] = {
    HappeningKind.EMAIL_FINISHED: "An email has finished: everybody was tried. With its counts",
    HappeningKind.EMAIL_SETTLED: "The last word on an email is in. With its counts",
    HappeningKind.EMAIL_STOPPED: "An email stopped by itself and asks a person. With the reason",
    HappeningKind.EMAIL_CANCELLED: "An email was cancelled. With its counts",
    HappeningKind.COPY_DELIVERED: "One person's mail server accepted their copy",
    HappeningKind.COPY_DEFERRED: "One person's copy has to wait and is tried again. With the cause",
    HappeningKind.COPY_BOUNCED: "One person's mail server refused their copy. With the cause",
    HappeningKind.COPY_DROPPED: "One person's copy was not attempted. With the cause",
    HappeningKind.COPY_FAILED: "One person's copy failed on our side. With the cause",
    HappeningKind.COPY_COMPLAINED: "One person marked their copy as spam",
    HappeningKind.COPY_UNSUBSCRIBED: "One person unsubscribed",
}


def problems(url: str, kinds: Iterable[str], *, allow_private: bool) -> dict[str, str]:
    """{field: what is wrong with it}. Where the address leads is looked at before every POST."""
    found = {}
    try:
        parts = urlsplit(url)
        is_whole = bool(parts.hostname and not parts.username and parts.port != 0)
    except ValueError:
        parts, is_whole = urlsplit(""), False
    schemes = ("https", "http") if allow_private else ("https",)
    is_plain = url.isascii() and url.isprintable() and " " not in url and "#" not in url
    if not is_whole or not is_plain or parts.scheme not in schemes or len(url) > 500:
        found["url"] = "Give the whole address, like https://example.org/hooks/mail."
    if not set(kinds) & set(HappeningKind):
        found["kinds"] = "Choose at least one."
    return found


def add(workspace: Workspace, url: str, kinds: Iterable[str], by: User) -> Endpoint | None:
    """A new Endpoint with a new secret; None where there are as many as may be. Commits."""
    number = db.session.scalar(select(func.count()).where(Endpoint.workspace_id == workspace.id))
    if (number or 0) >= MOST:
        return None
    endpoint = Endpoint(
        workspace_id=workspace.id,
        url=url,
        kinds=_joined(kinds),
        secret=standard_webhooks.new_secret(),
    )
    db.session.add(endpoint)
    db.session.flush()
    _note("endpoint.added", workspace, endpoint, by)
    return endpoint


def change(workspace: Workspace, endpoint: Endpoint, url: str, kinds: Iterable[str], by: User):
    """Commits."""
    endpoint.url, endpoint.kinds = url, _joined(kinds)
    changes = auditing.changes(endpoint, "url", "kinds")
    _note("endpoint.changed", workspace, endpoint, by, **changes)


def change_secret(workspace: Workspace, endpoint: Endpoint, by: User) -> None:
    """A new secret; for two days the one before signs as well. Commits."""
    endpoint.old_secret, endpoint.secret = endpoint.secret, standard_webhooks.new_secret()
    endpoint.old_secret_until = clock.now() + OLD_SECRET_GOOD_FOR
    _note("endpoint.secret_changed", workspace, endpoint, by)


def switch(workspace: Workspace, endpoint: Endpoint, by: User, *, on: bool) -> None:
    """Commits."""
    if on:
        dispatching.switch_on(endpoint)
    else:
        dispatching.switch_off(endpoint, "Somebody switched it off.")
    _note(f"endpoint.switched_{'on' if on else 'off'}", workspace, endpoint, by)


def remove(workspace: Workspace, endpoint: Endpoint, by: User) -> None:
    """With its log, and with what waits for it. Commits."""
    db.session.delete(endpoint)
    _note("endpoint.removed", workspace, endpoint, by)


def _joined(kinds: Iterable[str]) -> str:
    wanted = set(kinds)
    return " " + " ".join(kind for kind in HappeningKind if kind in wanted) + " "


def _note(action: str, workspace: Workspace, endpoint: Endpoint, by: User, **details) -> None:
    name = endpoint.url
    auditing.note(action, workspace=workspace, by=by, subject=endpoint, name=name, **details)
    db.session.commit()
