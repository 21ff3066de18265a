"""What people are told, and of which kinds by no mail

Revision ID: 0017
Revises: 0016
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade():
    op.create_table(
        "tidings",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("workspace_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("path", sa.String(length=500), nullable=False),
        sa.Column("is_mailed", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_tidings_user_id_users"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_tidings_workspace_id_workspaces"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tidings")),
    )
    op.create_index(
        op.f("ix_tidings_user_id_workspace_id_id"), "tidings", ["user_id", "workspace_id", "id"]
    )
    op.create_index(
        "ix_tidings_unread",
        "tidings",
        ["user_id", "workspace_id"],
        sqlite_where=sa.text("read_at IS NULL"),
        postgresql_where=sa.text("read_at IS NULL"),
    )
    op.create_table(
        "mutes",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_mutes_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "kind", name=op.f("pk_mutes")),
    )
    for name in ("told_finished_at", "told_settled_at", "told_stopped_at"):
        op.add_column("bulk_emails", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    # nobody is told anew of what was over before
    op.execute(
        "UPDATE bulk_emails SET told_finished_at = finished_at, told_settled_at = finished_at"
        " WHERE stage = 'finished'"
    )
    op.create_index(
        "ix_bulk_emails_untold",
        "bulk_emails",
        ["stage"],
        sqlite_where=sa.text("told_settled_at IS NULL"),
        postgresql_where=sa.text("told_settled_at IS NULL"),
    )
    op.add_column("letters", sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "letters",
        sa.Column("unsubscribe_url", sa.String(length=500), server_default="", nullable=False),
    )


def downgrade():
    op.drop_column("letters", "unsubscribe_url")
    op.drop_column("letters", "next_try_at")
    op.drop_index("ix_bulk_emails_untold", table_name="bulk_emails")
    for name in ("told_stopped_at", "told_settled_at", "told_finished_at"):
        op.drop_column("bulk_emails", name)
    op.drop_table("mutes")
    op.drop_table("tidings")
