"""How many of the withheld copies are doubles

Revision ID: 0033
Revises: 0032
"""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade():
    column = sa.Column("doubles", sa.Integer(), nullable=False, server_default="0")
    op.add_column("tallies", column)
    op.execute(  # status 2: withheld
        "UPDATE tallies SET doubles = (SELECT count(*) FROM recipients"
        " WHERE recipients.bulk_email_id = tallies.bulk_email_id"
        " AND recipients.cause = 'duplicate' AND recipients.status = 2)"
    )


def downgrade():
    op.drop_column("tallies", "doubles")
