"""What the Marketplace says of Bulk Email."""

from flask import url_for
from sqlalchemy import func, select

from webapp.accounts.models import Workspace
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.extensions import db
from webapp.plugins.catalogue import AfterInstall, Plugin

NAME = "bulk_email"
_BUSY = (Stage.SCHEDULED, Stage.PREPARING, Stage.SENDING, Stage.PAUSED)


def refuse_removal(workspace: Workspace) -> str | None:
    """Nothing that is on its way, or will be, may lose its plugin."""
    busy = db.session.scalar(
        select(func.count()).where(
            BulkEmail.workspace_id == workspace.id, BulkEmail.stage.in_(_BUSY)
        )
    )
    if not busy:
        return None
    emails = "One email is" if busy == 1 else f"{busy} emails are"
    return f"{emails} scheduled or being sent. Wait for the end, or cancel first."


def stock(workspace: Workspace) -> list[tuple[int, str]]:
    """What of this plugin is gone with a workspace."""
    emails = db.session.scalar(select(func.count()).where(BulkEmail.workspace_id == workspace.id))
    return [(emails or 0, "email, with every copy and its history" if emails == 1
             else "emails, with every copy and its history")]  # fmt: skip


def after_install(workspace: Workspace) -> AfterInstall:
    return AfterInstall(
        "Bulk Email is on: its tab is in the bar at the top.",
        url_for("bulk_email.index", slug=workspace.slug),
        "Open Bulk Email",
    )


PLUGIN = Plugin(
    name=NAME,
    title="Bulk Email",
    icon="mail",
    summary="Write one email and send it to the records of a form, each with their own values.",
    abilities=(
        "read the records of your forms, to know whom to write to",
        "send emails over the connections that admins set up",
        "keep a list of addresses that no longer want mail",
    ),
    before_removal="Its tab and pages go. Every email stays stored and is there again when you add"
    " it again.",
    refuse_removal=refuse_removal,
    after_install=after_install,
)
