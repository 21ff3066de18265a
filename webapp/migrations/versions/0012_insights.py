"""Counts over all copies of a large email

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "insights",
        sa.Column("bulk_email_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("took", sa.Integer(), nullable=False),
        sa.Column("computed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("data", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.ForeignKeyConstraint(
            ["bulk_email_id"],
            ["bulk_emails.id"],
            name=op.f("fk_insights_bulk_email_id_bulk_emails"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("bulk_email_id", name=op.f("pk_insights")),
    )


def downgrade():
    op.drop_table("insights")
