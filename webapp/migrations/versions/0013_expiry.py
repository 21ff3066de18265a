"""When a suppression ends by itself

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table("suppressions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index(batch_op.f("ix_suppressions_event_id"), ["event_id"])
        batch_op.create_index(
            batch_op.f("ix_suppressions_workspace_id_address_key"), ["workspace_id", "address_key"]
        )
        batch_op.create_index(
            "ix_suppressions_expires_at",
            ["expires_at"],
            sqlite_where=sa.text("lifted_at IS NULL"),
            postgresql_where=sa.text("lifted_at IS NULL"),
        )


def downgrade():
    with op.batch_alter_table("suppressions", schema=None) as batch_op:
        batch_op.drop_index("ix_suppressions_expires_at")
        batch_op.drop_index(batch_op.f("ix_suppressions_workspace_id_address_key"))
        batch_op.drop_index(batch_op.f("ix_suppressions_event_id"))
        batch_op.drop_column("expires_at")
