"""What the Marketplace says of Email Tracker, and what installing it does."""

from flask import url_for
from sqlalchemy import select, update

from webapp import queue
from webapp.accounts.models import User, Workspace
from webapp.email_tracker import jobs
from webapp.email_tracker.stats_rows import SOURCE
from webapp.extensions import db
from webapp.forms.models import Form
from webapp.lib import clock
from webapp.plugins.catalogue import AfterInstall, Plugin
from webapp.rows import insert_into

FORM_NAME = "Email Tracker Stats"


def on_install(workspace: Workspace, by: User) -> None:
    """One Stats form, made or brought back; the unique index decides between two at once."""
    db.session.execute(
        insert_into(Form)
        .values(
            workspace_id=workspace.id,
            name=FORM_NAME,
            source=SOURCE,
            position=10_000,
            record_count=0,
            created_at=clock.now(),
        )
        .on_conflict_do_update(index_elements=["workspace_id", "source"], set_={"hidden_at": None})
    )


def on_remove(workspace: Workspace, by: User) -> None:
    """The form is hidden; every copy, attempt and event stays."""
    db.session.execute(
        update(Form)
        .where(Form.workspace_id == workspace.id, Form.source == SOURCE)
        .values(hidden_at=clock.now())
    )


def after_install(workspace: Workspace) -> AfterInstall:
    """What arrived while it was off is digested now, and the new form is one click away."""
    queue.wake(jobs.apply_unapplied, workspace.id)
    form = stats_form(workspace)
    return AfterInstall(
        "Email Tracker is on. Every email you send from now on is followed.",
        url_for("forms.show", slug=workspace.slug, form_id=form.id) if form else "",
        f"Open {FORM_NAME}",
    )


def stats_form(workspace: Workspace) -> Form | None:
    """The Stats form where it is shown."""
    return db.session.scalar(
        select(Form).where(
            Form.workspace_id == workspace.id, Form.source == SOURCE, Form.hidden_at.is_(None)
        )
    )


PLUGIN = Plugin(
    name="email_tracker",
    title="Email Tracker",
    icon="plug",
    summary="Know, for every single person, what became of their copy of an email, and why.",
    abilities=(
        "follow every copy of the emails you send from now on",
        "receive what your mail server reports of them",
        f"add a form, {FORM_NAME}, to this workspace's data",
        "stop writing to addresses that do not exist, or whose owners complained",
    ),
    requires=("bulk_email",),
    before_removal="The form Email Tracker Stats is hidden, and emails sent from now on are not"
    " tracked. Every record is kept; what still arrives is stored, and all of it is there when you"
    " install it again.",
    on_install=on_install,
    on_remove=on_remove,
    after_install=after_install,
)
