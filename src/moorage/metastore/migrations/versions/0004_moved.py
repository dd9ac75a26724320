"""What `moorage move` remembers at its destination."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0001"
branch_labels = None
depends_on = None

# As in tables/columns.py: 64 bits and byte order in every database.
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables."""
    op.create_table('moved_blobs',
    sa.Column('digest', WORDS, nullable=False),
    sa.Column('upload_id', WORDS, nullable=False),
    sa.Column('place', WORDS, nullable=True),
    sa.Column('is_here', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('digest'),
    sqlite_with_rowid=False
    )
    op.create_table('moved_rows',
    sa.Column('id', WHOLE, nullable=False),
    sa.Column('mark', WORDS, nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
