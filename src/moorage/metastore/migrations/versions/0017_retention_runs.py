"""Runs of retention, and which of them took what lies in the trash."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

# As in tables/columns.py: 64 bits and byte order in every database.
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
IS_OPEN = sa.text("ended_at IS NULL")


def upgrade() -> None:
    """Make the tables and add the column; what was let go before belongs to no run."""
    op.create_table(
        "retention_runs",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("registry_id", WHOLE, nullable=False),
        sa.Column("asked_by", WORDS, nullable=False),
        sa.Column("started_at", sa.Float(), nullable=False),
        sa.Column("ended_at", sa.Float()),
        sa.Column("runner", WORDS, nullable=False),
        sa.Column("seen_at", sa.Float(), nullable=False),
        sa.Column("repositories", WHOLE, nullable=False),
        sa.Column("decided", WHOLE, nullable=False),
        sa.Column("settled", WHOLE, nullable=False),
        sa.ForeignKeyConstraint(["registry_id"], ["registries.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("retention_runs_by_registry", "retention_runs", ["registry_id", "id"])
    op.create_index(
        "retention_runs_open",
        "retention_runs",
        ["registry_id"],
        unique=True,
        sqlite_where=IS_OPEN,
        postgresql_where=IS_OPEN,
    )
    op.create_table(
        "retention_run_rules",
        sa.Column("run_id", WHOLE, nullable=False),
        sa.Column("rule_id", WHOLE, nullable=False),
        sa.Column("tags", WHOLE, nullable=False),
        sa.Column("images", WHOLE, nullable=False),
        sa.Column("frees", WHOLE, nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["retention_runs.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "rule_id"),
        sqlite_with_rowid=False,
    )
    op.add_column("deletions", sa.Column("run_id", WHOLE))
    op.create_index("deletions_by_run", "deletions", ["registry_id", "run_id", "id"])
