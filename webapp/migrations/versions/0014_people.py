"""Everybody who was ever written to, to be found by any part of name or address

Revision ID: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op

from webapp import trigrams

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade():
    op.add_column(
        "bulk_emails", sa.Column("introduced_to", BIG, nullable=False, server_default="0")
    )
    op.add_column(
        "bulk_emails", sa.Column("introduced_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.create_table(
        "people",
        sa.Column("id", BIG, nullable=False),
        sa.Column("workspace_id", sa.Integer(), nullable=False),
        sa.Column("address_key", sa.String(length=320), nullable=False),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("search", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_people_workspace_id_workspaces"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_people")),
        sa.UniqueConstraint(
            "workspace_id", "address_key", name=op.f("uq_people_workspace_id_address_key")
        ),
    )
    for statement in trigrams.statements(op.get_bind().dialect.name, "people"):
        op.execute(sa.DDL(statement.replace("%", "%%")))


def downgrade():
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE people_search")
    op.drop_table("people")
    with op.batch_alter_table("bulk_emails", schema=None) as batch_op:
        batch_op.drop_column("introduced_at")
        batch_op.drop_column("introduced_to")
