"""What happened, and what `moorage move` has brought here (moving.py)."""

from sqlalchemy import Boolean, Column, Float, Index, Table

from moorage.metastore.tables.columns import WHOLE, WORDS, metadata

activity = Table(
    "activity",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("at", Float, nullable=False),
    Column("who", WORDS, nullable=False),
    Column("address", WORDS, nullable=False),
    Column("token", WORDS, nullable=False),
    Column("kind", WORDS, nullable=False),
    Column("target", WORDS, nullable=False),
    Column("registry", WORDS, nullable=False),
    Column("before", WORDS),
    Column("after", WORDS),
    Column("request_id", WORDS, nullable=False),
    Column("outcome", WORDS, nullable=False),
    # Every push pays for an index, and readers can wait: they go through the rows in this order, a window at a time.
    Index("activity_by_time", "at", "id"),
)

# Blobs on their way here or here already, and where: what the next run need not copy again.
moved_blobs = Table(
    "moved_blobs",
    metadata,
    Column("digest", WORDS, primary_key=True),
    # The upload that brings it: what a run that was killed has left under that name goes first.
    Column("upload_id", WORDS, nullable=False),
    Column("place", WORDS),
    Column("is_here", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

# One row: what the rows here were like when the last run had brought them.
moved_rows = Table(
    "moved_rows",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("mark", WORDS, nullable=False),
)
