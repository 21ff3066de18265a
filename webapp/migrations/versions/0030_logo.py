"""A logo on the unsubscribe page

Revision ID: 0030
Revises: 0029
"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("public_looks", sa.Column("logo", sa.LargeBinary(), nullable=True))
    kind = sa.Column("logo_type", sa.String(20), nullable=False, server_default="")
    op.add_column("public_looks", kind)


def downgrade():
    op.drop_column("public_looks", "logo_type")
    op.drop_column("public_looks", "logo")
