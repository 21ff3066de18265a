"""Files of addresses are brought onto the list of suppressions in the background

Revision ID: 0027
Revises: 0026
"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade():
    numbers = ("rows_total", "rows_done", "rows_refused", "added", "fence", "tries")
    op.create_table(
        "address_imports",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("workspace_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer()),
        sa.Column("file_name", sa.String(200), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("encoding", sa.String(20), nullable=False),
        sa.Column("delimiter", sa.String(1), nullable=False),
        sa.Column("address_column", sa.Integer(), nullable=False),
        sa.Column("has_head", sa.Boolean(), nullable=False),
        sa.Column("cause", sa.String(40), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("expires_at", MOMENT),
        sa.Column("stage", sa.String(20), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in numbers),
        sa.Column("error", sa.String(500), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT),
        sa.Column("lease_until", MOMENT),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name="fk_address_imports_workspace_id_workspaces",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_address_imports_user_id_users", ondelete="SET NULL"
        ),
    )
    op.create_index("ix_address_imports_workspace_id", "address_imports", ["workspace_id"])
    op.create_table(
        "address_import_lines",
        sa.Column("import_id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("line", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("text", sa.String(200), nullable=False),
        sa.Column("refused", sa.String(500), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"],
            ["address_imports.id"],
            name="fk_address_import_lines_import_id_address_imports",
            ondelete="CASCADE",
        ),
    )


def downgrade():
    op.drop_table("address_import_lines")
    op.drop_table("address_imports")
