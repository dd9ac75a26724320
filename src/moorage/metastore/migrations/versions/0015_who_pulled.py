"""Who pulled an image last."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of the pulls before nobody is known."""
    words = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.add_column("image_pulls", sa.Column("pulled_by", words, nullable=False, server_default=""))
