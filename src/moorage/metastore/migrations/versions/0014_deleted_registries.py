"""How many repositories a deletion took: of a whole registry, all it had."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    whole = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column("deletions", sa.Column("repositories", whole, nullable=False, server_default="0"))
