"""Soft bounces are counted while the tracker is off

Revision ID: 0024
Revises: 0023
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade():
    big_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "soft_bounces",
        sa.Column("recipient_id", big_id, primary_key=True, autoincrement=False),
        sa.Column("cause", sa.String(40), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["recipient_id"],
            ["recipients.id"],
            name="fk_soft_bounces_recipient_id_recipients",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_soft_bounces_at", "soft_bounces", ["at"])


def downgrade():
    op.drop_table("soft_bounces")
