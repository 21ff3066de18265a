"""When a hook was looked at, and admins were told that it does not do well

Revision ID: 0022
Revises: 0021
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade():
    for name in ("looked_at", "trouble_told_at"):
        op.add_column("connections", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    # nobody is told anew of a hook that was silent before
    op.execute("UPDATE connections SET trouble_told_at = CURRENT_TIMESTAMP")


def downgrade():
    for name in ("trouble_told_at", "looked_at"):
        op.drop_column("connections", name)
