"""What collections did, and what each registry alone has."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

# As in tables/columns.py: 64 bits and byte order in every database.
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "cleanups",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("asked_by", WORDS, nullable=False),
        sa.Column("started_at", sa.Float(), nullable=False),
        sa.Column("ended_at", sa.Float()),
        *(sa.Column(name, WHOLE, nullable=False) for name in ("blobs", "freed", "uploads", "skipped")),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "only_here",
        sa.Column("registry_id", WHOLE, sa.ForeignKey("registries.id", ondelete="CASCADE"), nullable=False),
        sa.Column("in_use", WHOLE, nullable=False),
        sa.Column("bytes", WHOLE, nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("registry_id"),
    )
