"""Pages of those who opened or clicked, in the order of their copies, by an index

Revision ID: 0032
Revises: 0031
"""

from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

INDEXES = (
    ("attentions", ["bulk_email_id", "opened_by"], ["recipient_id"]),
    ("attentions", ["bulk_email_id", "clicked_by"], ["recipient_id"]),
    ("link_clicks", ["bulk_email_id", "number"], ["is_human", "recipient_id"]),
)


def upgrade():
    for table, old, added in INDEXES:
        op.create_index(_name(table, old + added), table, old + added)
        op.drop_index(_name(table, old), table)


def downgrade():
    for table, old, added in INDEXES:
        op.create_index(_name(table, old), table, old)
        op.drop_index(_name(table, old + added), table)


def _name(table: str, columns: list[str]) -> str:
    return "_".join(("ix", table, *columns))
