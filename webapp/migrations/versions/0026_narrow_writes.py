"""Sending writes less: no checks of keys that cannot be wrong, room for the mark of a flight

Revision ID: 0026
Revises: 0025
"""

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table("attempts", schema=None) as batch_op:
        batch_op.drop_constraint("fk_attempts_recipient_id_recipients", type_="foreignkey")
    with op.batch_alter_table("recipients", schema=None) as batch_op:
        batch_op.drop_constraint("fk_recipients_connection_id_connections", type_="foreignkey")
    _leave_room(50)


def downgrade():
    _leave_room(80)
    with op.batch_alter_table("recipients", schema=None) as batch_op:
        batch_op.create_foreign_key(
            "fk_recipients_connection_id_connections",
            "connections",
            ["connection_id"],
            ["id"],
            ondelete="SET NULL",
        )
    with op.batch_alter_table("attempts", schema=None) as batch_op:
        batch_op.create_foreign_key(
            "fk_attempts_recipient_id_recipients",
            "recipients",
            ["recipient_id"],
            ["id"],
            ondelete="CASCADE",
        )


def _leave_room(percent: int) -> None:
    """Only pages that are written from now on have it."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE recipients SET (fillfactor = {percent})")
