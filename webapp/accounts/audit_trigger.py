"""The audit log is append-only in the database itself, whoever writes to it."""

from sqlalchemy import DDL, event

from webapp.accounts.models import AuditEntry

_SQLITE = [
    f"CREATE TRIGGER IF NOT EXISTS audit_entries_no_{verb} BEFORE {verb} ON audit_entries"
    " BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
    for verb in ("update", "delete")
]
_POSTGRESQL = [
    "CREATE OR REPLACE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$",
    "CREATE OR REPLACE TRIGGER audit_entries_append_only BEFORE UPDATE OR DELETE ON audit_entries"
    " FOR EACH ROW EXECUTE FUNCTION refuse_audit_change()",
]


def statements(dialect_name: str) -> list[str]:
    """The DDL for a database, for migrations."""
    return _POSTGRESQL if dialect_name == "postgresql" else _SQLITE


for _dialect in ("sqlite", "postgresql"):
    for _statement in statements(_dialect):
        event.listen(
            AuditEntry.__table__,
            "after_create",
            DDL(_statement.replace("%", "%%")).execute_if(dialect=_dialect),
        )
