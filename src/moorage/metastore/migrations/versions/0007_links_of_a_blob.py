"""A repository's link to a blob that very many have is one row of the index, whichever index PostgreSQL takes.

In SQLite, whose secondary indexes hold the primary key too, it has been so.
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index anew, with the repository in it."""
    op.drop_index("links_by_digest", "links")
    op.create_index("links_by_digest", "links", ["digest", "repository_id"])
