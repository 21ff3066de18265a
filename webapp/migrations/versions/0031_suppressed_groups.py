"""People whose copies failed alike are put on the list of suppressions together

Revision ID: 0031
Revises: 0030
"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade():
    op.create_table(
        "suppressed_groups",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("workspace_id", sa.Integer(), nullable=False),
        sa.Column("bulk_email_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer()),
        sa.Column("cause", sa.String(40), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("expires_at", MOMENT),
        sa.Column("is_lifted", sa.Boolean(), nullable=False),
        sa.Column("lifted_by_id", sa.Integer()),
        sa.Column("lifted_reason", sa.String(300), nullable=False),
        sa.Column("stage", sa.String(20), nullable=False),
        sa.Column("rows_total", sa.Integer(), nullable=False),
        sa.Column("rows_done", sa.Integer(), nullable=False),
        sa.Column("added", sa.Integer(), nullable=False),
        sa.Column("done_status", sa.SmallInteger(), nullable=False),
        sa.Column("done_to", BIG_ID, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("lease_until", MOMENT),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        _owned("workspace_id", "workspaces", "CASCADE"),
        _owned("bulk_email_id", "bulk_emails", "CASCADE"),
        _owned("user_id", "users", "SET NULL"),
        _owned("lifted_by_id", "users", "SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_suppressed_groups"),
    )
    for column in ("workspace_id", "bulk_email_id"):
        op.create_index(f"ix_suppressed_groups_{column}", "suppressed_groups", [column])
    op.add_column("suppressions", sa.Column("group_id", sa.Integer()))
    where = sa.text("group_id IS NOT NULL")
    op.create_index(
        "ix_suppressions_group_id",
        "suppressions",
        ["group_id"],
        sqlite_where=where,
        postgresql_where=where,
    )


def downgrade():
    op.drop_index("ix_suppressions_group_id", "suppressions")
    op.drop_column("suppressions", "group_id")
    op.drop_table("suppressed_groups")


def _owned(column: str, table: str, ondelete: str) -> sa.ForeignKeyConstraint:
    name = f"fk_suppressed_groups_{column}_{table}"
    return sa.ForeignKeyConstraint([column], [f"{table}.id"], name=name, ondelete=ondelete)
