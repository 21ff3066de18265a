"""Networks of data centres, and the mark of the rules by which opens and clicks were judged

Revision ID: 0023
Revises: 0022
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "data_centres",
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("networks", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("mark", sa.Integer(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_data_centres")),
    )
    with op.batch_alter_table("attentions") as batch_op:
        batch_op.alter_column("rules", existing_type=sa.SmallInteger(), type_=sa.Integer())


def downgrade():
    # judged again by the version that comes
    op.execute("UPDATE attentions SET rules = 0")
    with op.batch_alter_table("attentions") as batch_op:
        batch_op.alter_column("rules", existing_type=sa.Integer(), type_=sa.SmallInteger())
    op.drop_table("data_centres")
