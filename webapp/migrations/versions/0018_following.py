"""Opens and clicks: the switches of an email, where its links lead, and who followed them

Revision ID: 0018
Revises: 0017
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _of_email(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["bulk_email_id"],
        ["bulk_emails.id"],
        name=op.f(f"fk_{table}_bulk_email_id_bulk_emails"),
        ondelete="CASCADE",
    )


def upgrade():
    with op.batch_alter_table("bulk_emails", schema=None) as batch_op:
        for name in ("track_opens", "track_clicks"):
            batch_op.add_column(
                sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())
            )
    op.create_table(
        "followed_links",
        sa.Column("bulk_email_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("words", sa.String(length=200), nullable=False),
        _of_email("followed_links"),
        sa.PrimaryKeyConstraint("bulk_email_id", "number", name=op.f("pk_followed_links")),
    )
    op.create_table(
        "attentions",
        sa.Column("recipient_id", _BIG_ID, nullable=False, autoincrement=False),
        sa.Column("bulk_email_id", sa.Integer(), nullable=False),
        sa.Column("opened_by", sa.String(length=10), nullable=False),
        sa.Column("opened_why", sa.String(length=20), nullable=False),
        sa.Column("clicked_by", sa.String(length=10), nullable=False),
        sa.Column("clicked_why", sa.String(length=20), nullable=False),
        sa.Column("rules", sa.SmallInteger(), nullable=False),
        _of_email("attentions"),
        sa.PrimaryKeyConstraint("recipient_id", name=op.f("pk_attentions")),
    )
    for columns in (["bulk_email_id", "opened_by"], ["bulk_email_id", "clicked_by"], ["rules"]):
        op.create_index(op.f(f"ix_attentions_{'_'.join(columns)}"), "attentions", columns)
    op.create_table(
        "link_clicks",
        sa.Column("recipient_id", _BIG_ID, nullable=False, autoincrement=False),
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("bulk_email_id", sa.Integer(), nullable=False),
        sa.Column("is_human", sa.Boolean(), nullable=False),
        _of_email("link_clicks"),
        sa.PrimaryKeyConstraint("recipient_id", "number", name=op.f("pk_link_clicks")),
    )
    op.create_index(
        op.f("ix_link_clicks_bulk_email_id_number"), "link_clicks", ["bulk_email_id", "number"]
    )


def downgrade():
    for table in ("link_clicks", "attentions", "followed_links"):
        op.drop_table(table)
    with op.batch_alter_table("bulk_emails", schema=None) as batch_op:
        batch_op.drop_column("track_clicks")
        batch_op.drop_column("track_opens")
