"""Imports and exports are leased, and go on after a crash"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("forms") as table:
        table.add_column(sa.Column("staged_for_id", sa.Integer(), nullable=True))
        table.create_foreign_key(
            "fk_forms_staged_for_id_forms", "forms", ["staged_for_id"], ["id"], ondelete="CASCADE"
        )
        table.create_index("ix_forms_staged_for_id", ["staged_for_id"])
    for name in ("imports", "exports"):
        with op.batch_alter_table(name) as table:
            table.add_column(sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True))
            table.add_column(sa.Column("fence", sa.Integer(), nullable=False, server_default="0"))
            table.add_column(sa.Column("tries", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("imports") as table:
        table.add_column(sa.Column("staging_id", sa.Integer(), nullable=True))
        table.create_foreign_key(
            "fk_imports_staging_id_forms", "forms", ["staging_id"], ["id"], ondelete="SET NULL"
        )


def downgrade() -> None:
    with op.batch_alter_table("imports") as table:
        table.drop_constraint("fk_imports_staging_id_forms", type_="foreignkey")
        table.drop_column("staging_id")
    for name in ("exports", "imports"):
        with op.batch_alter_table(name) as table:
            for column in ("tries", "fence", "lease_until"):
                table.drop_column(column)
    with op.batch_alter_table("forms") as table:
        table.drop_index("ix_forms_staged_for_id")
        table.drop_constraint("fk_forms_staged_for_id_forms", type_="foreignkey")
        table.drop_column("staged_for_id")
