"""What verification has found, and how far it is."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# As in tables/columns.py: 64 bits and byte order in every database.
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables, and the column of images."""
    op.create_table(
        "quarantined",
        sa.Column("digest", WORDS, nullable=False),
        sa.Column("fault", WORDS, nullable=False),
        sa.Column("found", WORDS, nullable=True),
        sa.Column("found_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["digest"], ["blobs.digest"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("digest"),
        sqlite_with_rowid=False,
    )
    numbers = ("images", "blobs", "bytes", "all_images", "all_blobs", "all_bytes")
    op.create_table(
        "rounds",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("started_at", sa.Float(), nullable=False),
        sa.Column("ended_at", sa.Float(), nullable=True),
        sa.Column("asked_by", WORDS, nullable=False),
        sa.Column("runner", WORDS, nullable=False),
        sa.Column("seen_at", sa.Float(), nullable=False),
        sa.Column("image_id", WHOLE, nullable=False),
        sa.Column("blob", WORDS, nullable=False),
        *(sa.Column(name, WHOLE, nullable=False) for name in numbers),
        sa.Column("unread", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.add_column("manifests", sa.Column("damage", WORDS, nullable=True))
    is_damaged = sa.text("damage IS NOT NULL")
    op.create_index("manifests_damaged", "manifests", ["id"], sqlite_where=is_damaged, postgresql_where=is_damaged)
