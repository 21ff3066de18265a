"""Copies on the wire belong to a flight, whose id is their fence."""

import sqlalchemy as sa
from alembic import op

from webapp.columns import BigId, Json, UtcDateTime
from webapp.lib import clock

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "flights",
        sa.Column("id", BigId, nullable=False),
        sa.Column("bulk_email_id", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("lease_until", UtcDateTime(), nullable=False),
        sa.Column("recipient_ids", Json, nullable=False),
        sa.ForeignKeyConstraint(
            ["bulk_email_id"],
            ["bulk_emails.id"],
            name=op.f("fk_flights_bulk_email_id_bulk_emails"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flights")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_flights_owner"), "flights", ["owner"])
    op.create_index(op.f("ix_flights_lease_until"), "flights", ["lease_until"])
    op.drop_index("ix_recipients_leased", table_name="recipients")
    with op.batch_alter_table("recipients") as batch:
        batch.drop_column("lease_owner")
        batch.drop_column("lease_until")
        batch.alter_column("fence", type_=BigId, existing_type=sa.Integer())
    with op.batch_alter_table("attempts") as batch:
        batch.alter_column("fence", type_=BigId, existing_type=sa.Integer())
    _give_flights_to_what_died_on_the_wire()


def _give_flights_to_what_died_on_the_wire() -> None:
    """So that the sweeper finds it."""
    recipients = sa.table(
        "recipients",
        *(sa.column(name) for name in ("id", "bulk_email_id", "fence", "in_flight_at")),
    )
    flights = sa.table(
        "flights",
        sa.column("id", BigId),
        sa.column("bulk_email_id"),
        sa.column("owner"),
        sa.column("lease_until", UtcDateTime()),
        sa.column("recipient_ids", Json),
    )
    connection = op.get_bind()
    dead: dict[int, list[int]] = {}
    for row in connection.execute(
        sa.select(recipients.c.id, recipients.c.bulk_email_id).where(
            recipients.c.in_flight_at.is_not(None)
        )
    ):
        dead.setdefault(row.bulk_email_id, []).append(row.id)
    for number, (bulk_email_id, ids) in enumerate(sorted(dead.items()), start=1_000_000):
        connection.execute(
            flights.insert().values(
                id=number,
                bulk_email_id=bulk_email_id,
                owner="before the upgrade",
                lease_until=clock.now(),
                recipient_ids=ids,
            )
        )
        connection.execute(recipients.update().where(recipients.c.id.in_(ids)).values(fence=number))
