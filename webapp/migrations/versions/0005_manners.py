"""Limits of connections, and what destinations ask for."""

import sqlalchemy as sa
from alembic import op

from webapp.columns import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("connections") as batch:
        batch.add_column(sa.Column("rate", sa.Double(), nullable=True))
        batch.add_column(sa.Column("daily_cap", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("next_slot_at", UtcDateTime(), nullable=True))
        batch.add_column(
            sa.Column("cap_day", sa.String(length=10), nullable=False, server_default="")
        )
        batch.add_column(sa.Column("cap_used", sa.Integer(), nullable=False, server_default="0"))
        batch.add_column(sa.Column("backup_id", sa.Integer(), nullable=True))
        batch.create_foreign_key(
            op.f("fk_connections_backup_id_connections"),
            "connections",
            ["backup_id"],
            ["id"],
            ondelete="SET NULL",
        )
    with op.batch_alter_table("connections") as batch:
        batch.alter_column("cap_day", server_default=None)
        batch.alter_column("cap_used", server_default=None)
    _make_tables()
    op.drop_index(op.f("ix_recipients_provider_message_id"), table_name="recipients")
    is_named = sa.text("provider_message_id IS NOT NULL")
    op.create_index(
        "ix_recipients_provider_message_id",
        "recipients",
        ["provider_message_id"],
        sqlite_where=is_named,
        postgresql_where=is_named,
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE recipients SET (fillfactor = 80)")


def _make_tables() -> None:
    op.create_table(
        "seats",
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=False),
        _belongs_to("seats", "connection_id", "connections"),
        sa.PrimaryKeyConstraint("connection_id", "number", name=op.f("pk_seats")),
    )
    op.create_index(op.f("ix_seats_owner"), "seats", ["owner"])
    op.create_table(
        "mail_domains",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("operator", sa.String(length=255), nullable=True),
        sa.Column("look_again_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_mail_domains")),
    )
    op.create_index(op.f("ix_mail_domains_look_again_at"), "mail_domains", ["look_again_at"])
    op.create_table(
        "destinations",
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("rate", sa.Double(), nullable=True),
        sa.Column("next_slot_at", UtcDateTime(), nullable=True),
        sa.Column("paused_until", UtcDateTime(), nullable=True),
        sa.Column("complaints", sa.Integer(), nullable=False),
        sa.Column("pauses", sa.Integer(), nullable=False),
        sa.Column("complained_at", UtcDateTime(), nullable=True),
        sa.Column("eased_at", UtcDateTime(), nullable=True),
        sa.Column("reply", sa.String(length=500), nullable=False),
        _belongs_to("destinations", "connection_id", "connections"),
        sa.PrimaryKeyConstraint("connection_id", "name", name=op.f("pk_destinations")),
    )
    op.create_table(
        "pulses",
        sa.Column("bulk_email_id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("destination", sa.String(length=255), nullable=False),
        sa.Column("accepted", sa.Integer(), nullable=False),
        sa.Column("deferred", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        _belongs_to("pulses", "bulk_email_id", "bulk_emails"),
        sa.PrimaryKeyConstraint("bulk_email_id", "at", "destination", name=op.f("pk_pulses")),
    )


def _belongs_to(table: str, column: str, owner: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], [f"{owner}.id"], name=op.f(f"fk_{table}_{column}_{owner}"), ondelete="CASCADE"
    )
