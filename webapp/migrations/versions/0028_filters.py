"""Copies of one cause, and the latest of one status, by an index

Revision ID: 0028
Revises: 0027
"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

OLD = "ix_recipients_bulk_email_id_changed_at_id"
NEW = "ix_recipients_bulk_email_id_status_changed_at_id"
CAUSE = "ix_recipients_cause"


def upgrade():
    op.create_index(NEW, "recipients", ["bulk_email_id", "status", "changed_at", "id"])
    op.drop_index(OLD, "recipients")
    where = sa.text("cause IS NOT NULL")
    op.create_index(
        CAUSE,
        "recipients",
        ["bulk_email_id", "cause", "status", "id"],
        sqlite_where=where,
        postgresql_where=where,
    )


def downgrade():
    op.drop_index(CAUSE, "recipients")
    op.create_index(OLD, "recipients", ["bulk_email_id", "changed_at", "id"])
    op.drop_index(NEW, "recipients")
