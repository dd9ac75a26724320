"""How much there is, kept by triggers of the tables that hold it (migrations 0011, 0016, 0018, 0019): nobody writes it.

What is kept is the sum of the rows of all slots: PostgreSQL has some, so that those who write at once meet in none.
"""

from sqlalchemy import Boolean, Column, ForeignKey, Table, false

from moorage.metastore.tables.columns import WHOLE, WORDS, metadata, of_repository


def _of_registry() -> Column[int]:
    return Column("registry_id", ForeignKey("registries.id", ondelete="CASCADE"), nullable=False, primary_key=True)


def _counted() -> tuple[Column[int], ...]:
    return tuple(Column(name, WHOLE, nullable=False) for name in ("images", "body_bytes", "blob_bytes"))


repository_counts = Table(
    "repository_counts",
    metadata,
    of_repository(),
    Column("slot", WHOLE, primary_key=True),
    Column("tags", WHOLE, nullable=False),
    *_counted(),
    sqlite_with_rowid=False,
)

# A row while any repository of the registry has a link to the blob: layers that they share count once.
registry_blobs = Table(
    "registry_blobs",
    metadata,
    _of_registry(),
    Column("digest", WORDS, primary_key=True),
    Column("size", WHOLE, nullable=False),
    # Whether what was deleted alone has it.
    Column("is_trashed", Boolean, nullable=False, server_default=false()),
    sqlite_with_rowid=False,
)

TRASHED = ("trash_repositories", "trash_images", "trash_body_bytes", "trash_blob_bytes", "trash_frees")

registry_usage = Table(
    "registry_usage",
    metadata,
    _of_registry(),
    Column("slot", WHOLE, primary_key=True),
    # Those that were pushed to.
    Column("repositories", WHOLE, nullable=False),
    *_counted(),
    # What of that lies in its trash; and what its deletions said that they free.
    *(Column(name, WHOLE, nullable=False, server_default="0") for name in TRASHED),
    sqlite_with_rowid=False,
)

# All blobs that a repository ever had and the store still has, each once.
server_usage = Table(
    "server_usage",
    metadata,
    Column("slot", WHOLE, primary_key=True, autoincrement=False),
    Column("blob_bytes", WHOLE, nullable=False),
    sqlite_with_rowid=False,
)

KEPT = (repository_counts, registry_blobs, registry_usage, server_usage)
"""What comes by itself with the rows of other tables."""
