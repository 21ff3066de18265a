"""How many records of an import have no address that can be written to

Revision ID: 0038
Revises: 0037
"""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column(
        "imports", sa.Column("rows_unusable", sa.Integer(), nullable=False, server_default="0")
    )


def downgrade():
    op.drop_column("imports", "rows_unusable")
