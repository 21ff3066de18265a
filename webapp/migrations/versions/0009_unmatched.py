"""What became of a report that a person has dealt with; a superseded event gives its key up

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table("parked_reports", schema=None) as batch_op:
        batch_op.add_column(sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("settled_by_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("event_id", _big_id(), nullable=True))
        batch_op.create_index(batch_op.f("ix_parked_reports_unmatched_at"), ["unmatched_at"])
        batch_op.create_foreign_key(
            batch_op.f("fk_parked_reports_settled_by_id_users"),
            "users",
            ["settled_by_id"],
            ["id"],
            ondelete="SET NULL",
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_parked_reports_event_id_events"),
            "events",
            ["event_id"],
            ["id"],
            ondelete="SET NULL",
        )
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.alter_column("key", existing_type=_big_id(), nullable=True)
    op.create_index(
        "ix_arrivals_unreadable",
        "arrivals",
        ["workspace_id", "id"],
        sqlite_where=sa.text("stage = 'unreadable'"),
        postgresql_where=sa.text("stage = 'unreadable'"),
    )


def downgrade():
    op.drop_index("ix_arrivals_unreadable", table_name="arrivals")
    op.execute("DELETE FROM events WHERE key IS NULL")
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.alter_column("key", existing_type=_big_id(), nullable=False)
    with op.batch_alter_table("parked_reports", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_parked_reports_unmatched_at"))
        batch_op.drop_column("event_id")
        batch_op.drop_column("settled_by_id")
        batch_op.drop_column("settled_at")


def _big_id():
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")
