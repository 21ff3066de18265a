"""Events without foreign keys: the two checks of a row cost more than its insert

Revision ID: 0015
Revises: 0014
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.drop_constraint("fk_events_recipient_id_recipients", type_="foreignkey")
        batch_op.drop_constraint("fk_events_arrival_id_arrivals", type_="foreignkey")


def downgrade():
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.create_foreign_key(
            "fk_events_arrival_id_arrivals",
            "arrivals",
            ["arrival_id"],
            ["id"],
            ondelete="SET NULL",
        )
        batch_op.create_foreign_key(
            "fk_events_recipient_id_recipients",
            "recipients",
            ["recipient_id"],
            ["id"],
            ondelete="CASCADE",
        )
