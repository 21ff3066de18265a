"""Who did what: one line for every act that somebody might ask about later."""

from sqlalchemy import event, inspect, select

from webapp.accounts.models import AuditEntry, User, Workspace
from webapp.extensions import db

# what is noted, as it is read in the audit log and on an email's Activity
WORDS = {
    "address.suppressed": "suppressed an address",
    "address.suppression_lifted": "lifted a suppression",
    "addresses.suppressed": "suppressed whose copies failed alike",
    "addresses.suppressions_lifted": "lifted the suppressions of whose copies failed alike",
    "addresses.import_undone": "undid an import of addresses to write to no more",
    "addresses.imported": "imported addresses to write to no more",
    "connection.bounces_saved": "changed where bounces of a connection come back",
    "connection.key_set": "set the key of a connection",
    "connection.old_key_ended": "ended the previous key of a connection",
    "connection.removed": "removed a connection",
    "connection.saved": "saved a connection",
    "database.adopted": "let a copied database send",
    "email.cancelled": "cancelled an email",
    "email.deadline_changed": "changed the end of the tries of an email",
    "email.draft_deleted": "deleted a draft",
    "email.marked_as_sent": "marked copies as sent",
    "email.not_started": "could not start a scheduled email",
    "email.paused": "paused an email",
    "email.rescheduled": "rescheduled an email",
    "email.resent": "sent an email again to some",
    "email.resumed": "resumed an email",
    "email.scheduled": "scheduled an email",
    "email.sent": "sent an email",
    "email.sent_again": "sent copies again",
    "email.unscheduled": "took an email off the schedule",
    "endpoint.added": "added a webhook",
    "endpoint.changed": "changed a webhook",
    "endpoint.removed": "removed a webhook",
    "endpoint.secret_changed": "changed the secret of a webhook",
    "endpoint.switched_off": "switched a webhook off",
    "endpoint.switched_on": "switched a webhook on",
    "field.deleted": "deleted a field",
    "form.changed": "changed a form",
    "form.created": "created a form",
    "form.deleted": "deleted a form",
    "member.invitation_withdrawn": "withdrew an invitation",
    "member.invited": "invited somebody",
    "member.joined": "joined",
    "member.removed": "removed a member",
    "member.role_changed": "changed a role",
    "plugin.installed": "installed a plugin",
    "plugin.removed": "removed a plugin",
    "records.deleted": "deleted records",
    "records.imported": "imported records",
    "reports.read_again": "had stored reports read again",
    "report.attached": "attached an unmatched report to a copy",
    "report.put_aside": "put an unmatched report aside",
    "report.taken_back": "took an unmatched report back into the tray",
    "topic.added": "added a kind of mail",
    "topic.removed": "removed a kind of mail",
    "topic.renamed": "renamed a kind of mail",
    "topic.offered_again": "offered a kind of mail again",
    "workspace.changed": "changed the settings",
    "workspace.created": "created the workspace",
    "workspace.deleted": "deleted the workspace",
}


def note(
    action: str,
    *,
    workspace: Workspace | None,
    by: User | None,
    subject: object = None,
    name: str = "",
    **details,
) -> None:
    """Add an entry to the running transaction: `note("email.sent", workspace=w, by=user, …)`.

    `subject` is a row (its class and id are kept), `name` its name as of now, `details` plain JSON.
    """
    db.session.add(
        AuditEntry(
            workspace_id=workspace.id if workspace else None,
            user_id=by.id if by else None,
            user_name=(by.name or by.email) if by else "",
            action=action,
            subject_kind=type(subject).__name__ if subject is not None else "",
            subject_id=getattr(subject, "id", None),
            subject=name[:300],
            details=details,
        )
    )


def changes(row: object, *names: str) -> dict[str, list]:
    """{column: [before, after]} of what was set and is not stored yet; {} of a new row. A name is
    "called" here: the name of an entry is that of its subject."""
    if not inspect(row).persistent:
        return {}
    found = {}
    for name in names:
        history = inspect(row).attrs[name].load_history()
        before, after = history.deleted, history.added
        if before and after and before[0] != after[0]:
            found["called" if name == "name" else name] = [before[0], after[0]]
    return found


def latest_by(action: str, subject: object) -> str:
    """The name of whoever did it last to that row, "" where nobody did or is known."""
    return (
        db.session.scalar(
            select(AuditEntry.user_name)
            .where(
                AuditEntry.workspace_id == subject.workspace_id,
                AuditEntry.action == action,
                AuditEntry.subject_kind == type(subject).__name__,
                AuditEntry.subject_id == subject.id,
            )
            .order_by(AuditEntry.id.desc())
            .limit(1)
        )
        or ""
    )


@event.listens_for(AuditEntry, "before_update")
@event.listens_for(AuditEntry, "before_delete")
def _refuse(mapper, connection, entry) -> None:
    raise RuntimeError("the audit log is append-only")
