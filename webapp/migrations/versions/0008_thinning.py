"""When the pulses of an email were summed up

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table("bulk_emails", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("pulses_thinned_at", sa.DateTime(timezone=True), nullable=True)
        )


def downgrade():
    with op.batch_alter_table("bulk_emails", schema=None) as batch_op:
        batch_op.drop_column("pulses_thinned_at")
