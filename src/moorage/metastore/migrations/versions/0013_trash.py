"""What was deleted and can still be restored, and how long a registry keeps it."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

ON_SQLITE = """
CREATE TRIGGER standing_trash AFTER UPDATE OF trash_days ON registries
BEGIN UPDATE standing SET mark = lower(hex(randomblob(16))); END
"""
ON_POSTGRESQL = """
CREATE TRIGGER standing_trash AFTER UPDATE OF trash_days ON registries
EXECUTE FUNCTION move_standing()
"""


def upgrade() -> None:
    """Make the table and add the column, whose change counts as the others' do."""
    op.create_table(
        "deletions",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("registry_id", WHOLE, nullable=False),
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("some", WORDS, nullable=False),
        sa.Column("tags", WHOLE, nullable=False),
        sa.Column("images", WHOLE, nullable=False),
        sa.Column("frees", WHOLE, nullable=False),
        sa.Column("deleted_at", sa.Float(), nullable=False),
        sa.Column("deleted_by", WORDS, nullable=False),
        sa.Column("why", WORDS, nullable=False),
        sa.Column("request_id", WORDS, nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.Column("leased_until", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["registry_id"], ["registries.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("deletions_by_registry", "deletions", ["registry_id", "id"])
    op.create_index("deletions_by_name", "deletions", ["name"])
    op.create_index("deletions_by_lease", "deletions", ["leased_until"])
    op.add_column("registries", sa.Column("trash_days", WHOLE, nullable=False, server_default="14"))
    op.execute(ON_SQLITE if op.get_bind().dialect.name == "sqlite" else ON_POSTGRESQL)
