"""How a tag moved, and which moves were deletions; servers that don't know of it yet say nothing."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the column and the index."""
    op.add_column("tag_moves", sa.Column("how", WORDS, nullable=False, server_default=""))
    deletions = sa.text("digest IS NULL")
    op.create_index("tag_moves_deleted", "tag_moves", ["at"], sqlite_where=deletions, postgresql_where=deletions)
