"""Rules of retention, pins, and the last pull of each image."""

import time

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# As in tables/columns.py: 64 bits and byte order in every database.
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
LAST_MOVE = "SELECT coalesce(max(id), 0) FROM tag_moves"


def upgrade() -> None:
    """Make the tables."""
    op.add_column("manifests", sa.Column("expires_after", WHOLE))
    op.create_table(
        "retention_rules",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("registry_id", WHOLE, nullable=False),
        sa.Column("position", WHOLE, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("rule", WORDS, nullable=False),
        sa.Column("is_paused", sa.Boolean(), nullable=False),
        sa.Column("is_previewed", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("created_by", WORDS, nullable=False),
        sa.Column("ran_at", sa.Float()),
        sa.Column("ran_tags", WHOLE, nullable=False),
        sa.Column("ran_images", WHOLE, nullable=False),
        sa.Column("ran_frees", WHOLE, nullable=False),
        sa.ForeignKeyConstraint(["registry_id"], ["registries.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("retention_rules_by_registry", "retention_rules", ["registry_id", "position"])
    op.create_table(
        "pins",
        sa.Column("repository_id", WHOLE, nullable=False),
        sa.Column("digest", WORDS, nullable=False),
        sa.Column("pinned_by", WORDS, nullable=False),
        sa.Column("why", WORDS, nullable=False),
        sa.Column("pinned_at", sa.Float(), nullable=False),
        sa.Column("until", sa.Float()),
        _of_image(),
        sa.PrimaryKeyConstraint("repository_id", "digest", "pinned_by"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "image_pulls",
        sa.Column("repository_id", WHOLE, nullable=False),
        sa.Column("digest", WORDS, nullable=False),
        sa.Column("pulled_at", sa.Float(), nullable=False),
        _of_image(),
        sa.PrimaryKeyConstraint("repository_id", "digest"),
        sqlite_with_rowid=False,
    )
    _make_line()


def _of_image() -> sa.ForeignKeyConstraint:
    image = ["manifests.repository_id", "manifests.digest"]
    return sa.ForeignKeyConstraint(["repository_id", "digest"], image, ondelete="CASCADE", onupdate="CASCADE")


def _make_line() -> None:
    op.create_table(
        "retention_due",
        sa.Column("repository_id", WHOLE, nullable=False),
        sa.Column("due_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["repository_id"], ["repositories.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("repository_id"),
    )
    op.create_index("retention_due_by_time", "retention_due", ["due_at", "repository_id"])
    op.create_table(
        "retention_marks",
        sa.Column("registry_id", WHOLE, nullable=False),
        sa.Column("mark", WORDS, nullable=False),
        sa.ForeignKeyConstraint(["registry_id"], ["registries.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("registry_id"),
    )
    state = op.create_table(
        "retention_state",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("pulls_since", sa.Float(), nullable=False),
        sa.Column("ran_at", sa.Float(), nullable=False),
        sa.Column("seen_push", sa.Float(), nullable=False),
        sa.Column("seen_move", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    # Nothing was counted before, and no rules were there that could have missed anything.
    now, last = time.time(), op.get_bind().execute(sa.text(LAST_MOVE)).scalar()
    op.bulk_insert(state, [{"id": 1, "pulls_since": now, "ran_at": now, "seen_push": now, "seen_move": last}])
