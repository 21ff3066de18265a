"""What the search of a large form finds its records by

The texts are filled in behind the scenes: until then a search looks at the records themselves.

Revision ID: 0036
Revises: 0035
"""

import sqlalchemy as sa
from alembic import op

from webapp import trigrams

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_ALL_ARE_STALE = """
    INSERT INTO stale_records (form_id, first_id, last_id)
    SELECT form_id, 1, last_id FROM (
        SELECT id AS form_id, (SELECT max(id) FROM records WHERE form_id = forms.id) AS last_id
        FROM forms WHERE staged_for_id IS NULL) AS filled
    WHERE last_id IS NOT NULL"""


def upgrade():
    op.create_table(
        "record_texts",
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        sa.Column("form_id", sa.Integer(), nullable=False),
        sa.Column("search", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_record_texts")),
    )
    op.create_index("ix_record_texts_form_id_id", "record_texts", ["form_id", "id"])
    for statement in trigrams.statements(op.get_bind().dialect.name, "record_texts"):
        op.execute(sa.DDL(statement.replace("%", "%%")))
    op.create_table(
        "stale_records",
        sa.Column("id", BIG, nullable=False),
        sa.Column("form_id", sa.Integer(), nullable=False),
        sa.Column("first_id", BIG, nullable=False),
        sa.Column("last_id", BIG, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stale_records")),
    )
    op.execute(_ALL_ARE_STALE)


def downgrade():
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE record_texts_search")
    op.drop_table("record_texts")
    op.drop_table("stale_records")
