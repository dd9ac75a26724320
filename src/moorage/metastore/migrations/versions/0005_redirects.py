"""What a registry says of redirects; servers that don't know of it yet leave it to the settings."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the column."""
    op.add_column("registries", sa.Column("redirects", WORDS, nullable=False, server_default="server"))
