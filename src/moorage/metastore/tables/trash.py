"""What was deleted and can still be restored. What it took lies in repositories that nobody can name (trash.py)."""

from sqlalchemy import Column, Float, ForeignKey, Index, Table

from moorage.metastore.tables.columns import WHOLE, WORDS, metadata

deletions = Table(
    "deletions",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("registry_id", ForeignKey("registries.id", ondelete="CASCADE"), nullable=False),
    Column("kind", WORDS, nullable=False),
    # What it was called: a repository's full name, or a registry's address.
    Column("name", WORDS, nullable=False),
    # The first of the tags or digests that went, with spaces between, for lists.
    Column("some", WORDS, nullable=False),
    Column("repositories", WHOLE, nullable=False, server_default="0"),
    Column("tags", WHOLE, nullable=False),
    Column("images", WHOLE, nullable=False),
    Column("frees", WHOLE, nullable=False),
    Column("deleted_at", Float, nullable=False),
    Column("deleted_by", WORDS, nullable=False),
    Column("why", WORDS, nullable=False),
    Column("request_id", WORDS, nullable=False),
    # For people; what decides is the server's own clock, which no jump of the wall clock moves.
    Column("expires_at", Float, nullable=False),
    Column("leased_until", Float, nullable=False),
    Index("deletions_by_registry", "registry_id", "id"),
    # The run of retention that took it; NULL where somebody deleted it.
    Column("run_id", WHOLE),
    Index("deletions_by_run", "registry_id", "run_id", "id"),
    Index("deletions_by_name", "name"),
    Index("deletions_by_lease", "leased_until"),
    # Pages and programs name these ids: one that is gone must not come back as another.
    sqlite_autoincrement=True,
)
