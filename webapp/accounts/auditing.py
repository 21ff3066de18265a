"""Who did what: one line for every act that somebody might ask about later."""

from sqlalchemy import event

from webapp.accounts.models import AuditEntry, User, Workspace
from webapp.extensions import db


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


@event.listens_for(AuditEntry, "before_update")
@event.listens_for(AuditEntry, "before_delete")
def _refuse(mapper, connection, entry) -> None:
    raise RuntimeError("the audit log is append-only")
