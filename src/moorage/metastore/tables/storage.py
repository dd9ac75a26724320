"""What is on disk, who may read it, and for how long it is kept anyway."""

from sqlalchemy import Boolean, Column, Float, ForeignKey, Index, Integer, Table, true

from moorage.metastore.tables.columns import WHOLE, WORDS, metadata, of_repository

blobs = Table(
    "blobs",
    metadata,
    Column("digest", WORDS, primary_key=True),
    Column("size", WHOLE, nullable=False),
    # Where the store keeps it, in its own words; NULL is the address that is its digest.
    Column("place", WORDS),
    Column("leased_until", Float),
    # Whether a repository ever had it: from then on it counts as held by the server (counts.py).
    Column("is_held", Boolean, nullable=False, server_default=true()),
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

# Blobs whose bytes are not what their digest says: for clients they are not there, until a push brings them anew. A
# table of its own, since every push reads and writes the rows of blobs.
quarantined = Table(
    "quarantined",
    metadata,
    Column("digest", ForeignKey("blobs.digest", ondelete="CASCADE"), primary_key=True),
    Column("fault", WORDS, nullable=False),
    # The digest of the bytes that are there; NULL where none are, or can't be read.
    Column("found", WORDS),
    Column("found_at", Float, nullable=False),
    sqlite_with_rowid=False,
)

# Rounds of verification, of which one at most has not ended.
rounds = Table(
    "rounds",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("started_at", Float, nullable=False),
    Column("ended_at", Float),
    # Who asked for it; empty where the clock did.
    Column("asked_by", WORDS, nullable=False),
    # Who is at it, and when they last said so: another goes on with what its runner has left.
    Column("runner", WORDS, nullable=False),
    Column("seen_at", Float, nullable=False),
    # How far it has come: all images up to an id, all blobs up to a digest.
    Column("image_id", WHOLE, nullable=False),
    Column("blob", WORDS, nullable=False),
    Column("images", WHOLE, nullable=False),
    Column("blobs", WHOLE, nullable=False),
    Column("bytes", WHOLE, nullable=False),
    Column("all_images", WHOLE, nullable=False),
    Column("all_blobs", WHOLE, nullable=False),
    Column("all_bytes", WHOLE, nullable=False),
    Column("unread", Integer, nullable=False),
    # Who lost a round goes by its id: none comes again.
    sqlite_autoincrement=True,
)

clock = Table(
    "clock",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("seconds", Float, nullable=False),
)

# Collections that ended, the newest of them, and (without an end) one that somebody has asked for.
cleanups = Table(
    "cleanups",
    metadata,
    Column("id", WHOLE, primary_key=True),
    # Empty where the clock did.
    Column("asked_by", WORDS, nullable=False),
    Column("started_at", Float, nullable=False),
    Column("ended_at", Float),
    Column("blobs", WHOLE, nullable=False),
    Column("freed", WHOLE, nullable=False),
    Column("uploads", WHOLE, nullable=False),
    Column("skipped", WHOLE, nullable=False),
    # The newest are told by their ids.
    sqlite_autoincrement=True,
)

# Bytes of what no other registry has in use, and by what it is known that they changed.
only_here = Table(
    "only_here",
    metadata,
    Column("registry_id", ForeignKey("registries.id", ondelete="CASCADE"), primary_key=True),
    Column("in_use", WHOLE, nullable=False),
    Column("bytes", WHOLE, nullable=False),
    Column("at", Float, nullable=False),
)
