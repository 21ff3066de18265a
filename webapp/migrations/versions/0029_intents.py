"""When a letter went on the wire; emails cancelled before are not told of

Revision ID: 0029
Revises: 0028
"""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("letters", sa.Column("handed_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(
        "UPDATE bulk_emails SET told_settled_at = CURRENT_TIMESTAMP"
        " WHERE stage = 'cancelled' AND told_settled_at IS NULL"
    )


def downgrade():
    op.drop_column("letters", "handed_at")
