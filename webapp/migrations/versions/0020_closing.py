"""Workspaces can be deleted

Revision ID: 0020
Revises: 0019
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("workspaces", sa.Column("closed_at", sa.DateTime(timezone=True)))


def downgrade():
    op.drop_column("workspaces", "closed_at")
