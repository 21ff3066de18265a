"""Many rows in an order that no index has

Revision ID: 0039
Revises: 0038
"""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade():
    op.create_table(
        "sortings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("workspace_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("what", sa.String(40), nullable=False),
        sa.Column("of_id", BIG, nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("stage", sa.String(20), nullable=False),
        sa.Column("rows_done", sa.Integer(), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error", sa.String(500), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_sortings_workspace_id_workspaces"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sortings")),
        sa.UniqueConstraint("key", name=op.f("uq_sortings_key")),
    )
    op.create_index("ix_sortings_workspace_id", "sortings", ["workspace_id"])
    op.create_table(
        "sorted_rows",
        sa.Column("sorting_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("ids", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["sorting_id"],
            ["sortings.id"],
            name=op.f("fk_sorted_rows_sorting_id_sortings"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("sorting_id", "number", name=op.f("pk_sorted_rows")),
    )


def downgrade():
    op.drop_table("sorted_rows")
    op.drop_table("sortings")
