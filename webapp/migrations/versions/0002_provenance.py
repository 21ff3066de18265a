"""Which installation a database is, which hosts ask whether they may send, the zone of a schedule

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade():
    big_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "provenance",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("installation_id", sa.String(length=36), nullable=False),
        sa.Column("previous_id", sa.String(length=36), nullable=True),
        sa.Column("counter", big_id, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provenance")),
    )
    op.create_table(
        "sending_hosts",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("doubt", sa.String(length=20), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("adopted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sending_hosts")),
    )
    with op.batch_alter_table("bulk_emails", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("schedule_zone", sa.String(length=64), nullable=False, server_default="UTC")
        )


def downgrade():
    with op.batch_alter_table("bulk_emails", schema=None) as batch_op:
        batch_op.drop_column("schedule_zone")
    op.drop_table("sending_hosts")
    op.drop_table("provenance")
