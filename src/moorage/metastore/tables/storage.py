"""What is on disk, who may read it, and for how long it is kept anyway."""

from sqlalchemy import Column, Float, ForeignKey, Index, Table

from moorage.metastore.tables.columns import WHOLE, WORDS, metadata, of_repository

blobs = Table(
    "blobs",
    metadata,
    Column("digest", WORDS, primary_key=True),
    Column("size", WHOLE, nullable=False),
    # Where the store keeps it, in its own words; NULL is the address that is its digest.
    Column("place", WORDS),
    Column("leased_until", Float),
    Index("blobs_by_lease", "leased_until"),
    sqlite_with_rowid=False,
)

links = Table(
    "links",
    metadata,
    of_repository(),
    Column("digest", WORDS, primary_key=True),
    Column("size", WHOLE, nullable=False),
    Column("leased_until", Float),
    Index("links_by_digest", "digest", "repository_id"),
    Index("links_by_lease", "leased_until"),
    sqlite_with_rowid=False,
)

uploads = Table(
    "uploads",
    metadata,
    Column("id", WORDS, primary_key=True),
    # The row outlives its repository: it is what knows of the bytes until they are given back.
    Column("repository_id", ForeignKey("repositories.id", ondelete="SET NULL")),
    Column("user", WORDS, nullable=False),
    Column("algorithm", WORDS, nullable=False),
    Column("size", WHOLE, nullable=False),
    Column("digest", WORDS),
    Column("place", WORDS, nullable=False),
    Column("started_at", Float, nullable=False),
    Column("leased_until", Float, nullable=False),
    Index("uploads_by_lease", "leased_until"),
    Index("uploads_by_repository", "repository_id"),
)

# Places whose bytes nothing leads to, until they are deleted there.
discarded = Table(
    "discarded",
    metadata,
    Column("place", WORDS, primary_key=True),
    Column("leased_until", Float, nullable=False),
    Index("discarded_by_lease", "leased_until"),
    sqlite_with_rowid=False,
)

clock = Table(
    "clock",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("seconds", Float, nullable=False),
)
