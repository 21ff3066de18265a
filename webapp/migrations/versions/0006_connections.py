"""What a Connection knows of its way back: key rotation, confirmation, test mails

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table("connections", schema=None) as batch_op:
        batch_op.add_column(sa.Column("key_set_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("last_refused_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("confirm_url", sa.String(length=2000), nullable=True))
        batch_op.add_column(
            sa.Column("confirm_tried_at", sa.DateTime(timezone=True), nullable=True)
        )
        batch_op.add_column(
            sa.Column("confirm_error", sa.String(length=300), nullable=False, server_default="")
        )
        batch_op.add_column(sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "connection_tests",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.Column("is_accepted", sa.Boolean(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=True),
        sa.Column("event_reply", sa.Text(), nullable=False),
        sa.Column("event_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["connection_id"],
            ["connections.id"],
            name=op.f("fk_connection_tests_connection_id_connections"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connection_tests")),
    )
    with op.batch_alter_table("connection_tests", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_connection_tests_connection_id"), ["connection_id"], unique=False
        )


def downgrade():
    op.drop_table("connection_tests")
    with op.batch_alter_table("connections", schema=None) as batch_op:
        for name in (
            "confirmed_at",
            "confirm_error",
            "confirm_tried_at",
            "confirm_url",
            "last_refused_at",
            "key_set_at",
        ):
            batch_op.drop_column(name)
