"""For each cause the one thing to do that works from where it is read."""

from dataclasses import dataclass

from flask import url_for

from webapp.accounts.access import is_allowed
from webapp.accounts.models import Role
from webapp.bulk_email import suppressing_groups
from webapp.bulk_email.models import BulkEmail
from webapp.delivery import suppressing
from webapp.forms.models import Form
from webapp.mail.causes import Cause, Side

SIDES: dict[Side, str] = {
    Side.THEIRS: "their side",
    Side.OURS: "our side",
    Side.NOBODY: "nobody's fault",
}
_CORRECT = "Correct addresses"
_AGAIN = "Send again …"
_EXPORT = "Export the list"
_RESEND: dict[Cause, str] = {
    Cause.MAILBOX_MISSING: _CORRECT,
    Cause.DOMAIN_MISSING: _CORRECT,
    Cause.MAILBOX_DISABLED: _CORRECT,
    Cause.SUPPRESSED: _CORRECT,
    Cause.INVALID_ADDRESS: _CORRECT,
    Cause.MAILBOX_FULL: "Send again tomorrow …",
    Cause.TOO_FAST: _AGAIN,
    Cause.GREYLISTED: _AGAIN,
    Cause.UNREACHABLE: _AGAIN,
    Cause.GAVE_UP: _AGAIN,
    Cause.MERGE_FAILED: _AGAIN,
    Cause.BLOCKED_CONTENT: "Change the text …",
    Cause.TOO_LARGE: "Change the text …",
}
_CONNECTION = (Cause.BLOCKED_REPUTATION, Cause.AUTH_POLICY, Cause.OUR_SERVER)
_OTHER_WAY = (Cause.UNSUBSCRIBED, Cause.COMPLAINED)


@dataclass(frozen=True)
class Remedy:
    """A link, or where `is_post` a button, with what it does on it."""

    label: str
    url: str
    is_post: bool = False


def remedy_for(bulk_email: BulkEmail, cause: Cause, show: str, stats: Form | None) -> Remedy:
    """The main remedy for the copies of `bulk_email` in the group `show` that have `cause`, as far
    as the member may; else their list."""
    at = {"slug": bulk_email.workspace.slug, "email_id": bulk_email.id}
    narrow = {"show": show, "cause": cause.value}
    if show != "ended":
        return Remedy("See when", url_for("bulk_email.show", **at, panel="recipients", **narrow))
    if cause in _RESEND and is_allowed(Role.EDITOR):
        return Remedy(_RESEND[cause], url_for("email_tracker.resend", **at, **narrow))
    if cause in _CONNECTION and is_allowed(Role.ADMIN) and bulk_email.connection_id:
        ids = {"slug": at["slug"], "connection_id": bulk_email.connection_id}
        return Remedy("Open the connection", url_for("bulk_email.connection", **ids))
    if cause in _OTHER_WAY and stats is not None:
        return Remedy(_EXPORT, export_address(bulk_email, cause, stats), is_post=True)
    return Remedy("See them", url_for("bulk_email.show", **at, panel="recipients", **narrow))


def beside(bulk_email: BulkEmail, cause: Cause, show: str) -> Remedy | None:
    """What an admin may do with a group instead: have no more mail written to it."""
    if show != "ended" or cause not in suppressing_groups.OFFERED or not is_allowed(Role.ADMIN):
        return None
    slug = bulk_email.workspace.slug
    if cause in suppressing.SUPPRESSING:  # by itself, as soon as it was said
        return Remedy(
            "On the list of suppressions",
            url_for("bulk_email.suppressions", slug=slug, show="gone"),
        )
    at = {"slug": slug, "email_id": bulk_email.id, "cause": cause.value}
    return Remedy("Write to them no more …", url_for("bulk_email.suppress_group", **at))


def export_address(bulk_email: BulkEmail, cause: Cause, stats: Form) -> str:
    """Where the copies with a cause are exported, reasons and raw replies included."""
    rows = [("subject", bulk_email.subject), ("cause", cause.value)]
    query = {"field": [key for key, _ in rows], "op": ["is"] * 2, "value": [v for _, v in rows]}
    return url_for("forms.export", slug=bulk_email.workspace.slug, form_id=stats.id, **query)
