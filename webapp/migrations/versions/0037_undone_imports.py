"""An import of suppressed addresses can be undone

Revision ID: 0037
Revises: 0036
"""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
# of the imports before: who was put on the list meanwhile, by the same person, for the same reason
THEIRS = """
UPDATE suppressions SET import_id = (
    SELECT max(address_imports.id) FROM address_imports
    WHERE address_imports.workspace_id = suppressions.workspace_id
    AND address_imports.user_id = suppressions.created_by_id
    AND address_imports.cause = suppressions.cause
    AND address_imports.reason = suppressions.reason
    AND suppressions.created_at
        BETWEEN address_imports.created_at AND address_imports.finished_at
)
WHERE lifted_at IS NULL AND event_id IS NULL AND group_id IS NULL AND created_by_id IS NOT NULL
"""


def upgrade():
    op.add_column("suppressions", sa.Column("import_id", sa.Integer()))
    op.execute(THEIRS)
    where = sa.text("import_id IS NOT NULL")
    op.create_index(
        "ix_suppressions_import_id",
        "suppressions",
        ["import_id"],
        sqlite_where=where,
        postgresql_where=where,
    )
    with op.batch_alter_table("address_imports") as table:
        table.add_column(
            sa.Column("is_undone", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        table.add_column(sa.Column("undone_by_id", sa.Integer()))
        table.add_column(
            sa.Column("undone_reason", sa.String(300), nullable=False, server_default="")
        )
        table.add_column(sa.Column("undone_at", MOMENT))
        for name in ("undo_total", "undo_done", "lifted"):
            table.add_column(sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
        table.create_foreign_key(
            "fk_address_imports_undone_by_id_users",
            "users",
            ["undone_by_id"],
            ["id"],
            ondelete="SET NULL",
        )
    op.create_table(
        "suppression_other_reasons",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("suppression_id", BIG_ID, nullable=False),
        sa.Column("import_id", sa.Integer()),
        sa.Column("group_id", sa.Integer()),
        sa.Column("cause", sa.String(30), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("event_id", BIG_ID),
        sa.Column("created_by_id", sa.Integer()),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT),
        sa.ForeignKeyConstraint(
            ["suppression_id"],
            ["suppressions.id"],
            name="fk_suppression_other_reasons_suppression_id_suppressions",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_suppression_other_reasons"),
    )
    for column in ("suppression_id", "import_id"):
        name = f"ix_suppression_other_reasons_{column}"
        op.create_index(name, "suppression_other_reasons", [column])


def downgrade():
    op.drop_table("suppression_other_reasons")
    with op.batch_alter_table("address_imports") as table:
        table.drop_constraint("fk_address_imports_undone_by_id_users", type_="foreignkey")
        for name in ("is_undone", "undone_by_id", "undone_reason", "undone_at", "undo_total",
                     "undo_done", "lifted"):  # fmt: skip
            table.drop_column(name)
    op.drop_index("ix_suppressions_import_id", "suppressions")
    op.drop_column("suppressions", "import_id")
