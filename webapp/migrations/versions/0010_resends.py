"""Sending again: whom, and the ways between an email and those sent after it

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
RESENT = sa.text("resend_of_id IS NOT NULL")


def upgrade():
    op.add_column(
        "bulk_emails", sa.Column("resend", JSON, nullable=False, server_default=sa.text("'{}'"))
    )
    op.create_index("ix_bulk_emails_parent_id", "bulk_emails", ["parent_id"])
    op.create_index(
        "ix_recipients_resend_of_id",
        "recipients",
        ["resend_of_id"],
        sqlite_where=RESENT,
        postgresql_where=RESENT,
    )


def downgrade():
    op.drop_index("ix_recipients_resend_of_id", "recipients")
    op.drop_index("ix_bulk_emails_parent_id", "bulk_emails")
    with op.batch_alter_table("bulk_emails", schema=None) as batch_op:
        batch_op.drop_column("resend")
