"""People by the domain of their address; names that stand on copies beside the last one

All people are introduced anew behind the scenes: only the copies tell what they were called.

Revision ID: 0034
Revises: 0033
"""

import sqlalchemy as sa
from alembic import op

from webapp import trigrams

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BY_DOMAIN = "ix_people_workspace_id_domain_address_key"


def upgrade():
    op.add_column("people", sa.Column("domain", sa.String(320), nullable=False, server_default=""))
    op.create_index(BY_DOMAIN, "people", ["workspace_id", "domain", "address_key"])
    op.create_table(
        "other_names",
        sa.Column("id", BIG, nullable=False),
        sa.Column("workspace_id", sa.Integer(), nullable=False),
        sa.Column("address_key", sa.String(320), nullable=True),
        sa.Column("record_id", BIG, nullable=True),
        sa.Column("search", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_other_names_workspace_id_workspaces"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_other_names")),
    )
    op.create_index(
        "ix_other_names_workspace_id_address_key_record_id",
        "other_names",
        ["workspace_id", "address_key", "record_id"],
    )
    for statement in trigrams.statements(op.get_bind().dialect.name, "other_names"):
        op.execute(sa.DDL(statement.replace("%", "%%")))
    op.execute("UPDATE bulk_emails SET introduced_to = 0, introduced_at = NULL")


def downgrade():
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE other_names_search")
    op.drop_table("other_names")
    op.drop_index(BY_DOMAIN, "people")
    op.drop_column("people", "domain")
