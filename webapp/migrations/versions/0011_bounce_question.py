"""When an email asked a person because too many of its copies bounced

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column(
        "bulk_emails",
        sa.Column("pause_topic", sa.String(length=12), nullable=False, server_default="connection"),
    )
    op.add_column(
        "bulk_emails", sa.Column("bounce_asked_at", sa.DateTime(timezone=True), nullable=True)
    )


def downgrade():
    with op.batch_alter_table("bulk_emails", schema=None) as batch_op:
        batch_op.drop_column("bounce_asked_at")
        batch_op.drop_column("pause_topic")
