"""The tables. Times are Unix seconds, sizes bytes; `leased_until` is in the server's own seconds (`clock`).

    registries ─┬─ grants ── users, groups ─ group_members        who holds a role
                │            users ─ sessions, identities, access_tokens
                └─ repositories ─┬─ links ──────── blobs        what a repository may read; what is on disk
                                 ├─ manifests ─┬─ edges         what a manifest keeps alive
                                 │             └─ tags ─ tag_moves
                                 └─ uploads                     sessions that have not ended
    activity                                                    what happened; it outlives what it is about
    moved_blobs, moved_rows                                     what `moorage move` has brought here (moving.py)
    standing                                                    moves when anybody's rights do

A lease of NULL means: looked at by a collection and found in use; whatever stops using it sets a lease again, so that
only rows with a lease are ever looked at (collect.py).
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    cast,
    func,
    select,
    text,
)

metadata = MetaData()

WHOLE = BigInteger().with_variant(Integer(), "sqlite")
"""A whole number of 64 bits; SQLite's are, and only `INTEGER` gives its keys their numbers."""

WORDS = Text().with_variant(Text(collation="C"), "postgresql")
"""Text in byte order, whatever the language of the database: pages and comparisons rely on it."""


def total(sizes: ColumnElement[int]) -> ColumnElement[int]:
    """Return the sum of a column, 0 of no rows; PostgreSQL's own sum is no whole number but a decimal one."""
    return cast(func.coalesce(func.sum(sizes), 0), WHOLE)


def _repository() -> Column[int]:
    return Column("repository_id", ForeignKey("repositories.id", ondelete="CASCADE"), nullable=False, primary_key=True)


registries = Table(
    "registries",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("name", WORDS, nullable=False),
    Column("address", WORDS, nullable=False, unique=True),
    Column("description", WORDS, nullable=False),
    Column("visibility", WORDS, nullable=False),
    Column("immutable_tags", WORDS, nullable=False, server_default=""),
    Column("created_at", Float, nullable=False),
    Column("created_by", WORDS, nullable=False),
    Column("redirects", WORDS, nullable=False, server_default="server"),
    Index("registries_by_visibility", "visibility", "address"),
)

users = Table(
    "users",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("name", WORDS, nullable=False, unique=True),
    Column("password_hash", WORDS, nullable=False),
    Column("is_admin", Boolean, nullable=False),
    Column("is_disabled", Boolean, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("kind", WORDS, nullable=False),
    Column("registry_id", ForeignKey("registries.id", ondelete="CASCADE")),
    Column("password_expires_at", Float),
    Index("users_by_registry", "registry_id", "name"),
    sqlite_autoincrement=True,
)

access_tokens = Table(
    "access_tokens",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("name", WORDS, nullable=False),
    Column("secret_hash", WORDS, nullable=False, unique=True),
    Column("actions", WORDS, nullable=False),
    Column("patterns", WORDS, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("created_by", WORDS, nullable=False),
    Column("expires_at", Float),
    Column("last_used_at", Float),
    UniqueConstraint("user_id", "name"),
    # Bearer tokens name these ids: one that is gone must not come back as another.
    sqlite_autoincrement=True,
)

groups = Table(
    "groups",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("name", WORDS, nullable=False, unique=True),
    # Both or neither: whose members come from a directory's group of that name.
    Column("directory", WORDS),
    Column("external", WORDS),
    Column("created_at", Float, nullable=False),
    Index("groups_by_directory", "directory", "external"),
)

group_members = Table(
    "group_members",
    metadata,
    Column("group_id", ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Index("group_members_by_user", "user_id"),
    sqlite_with_rowid=False,
)

identities = Table(
    "identities",
    metadata,
    Column("directory", WORDS, primary_key=True),
    Column("subject", WORDS, primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Index("identities_by_user", "user_id"),
    sqlite_with_rowid=False,
)

grants = Table(
    "grants",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("registry_id", ForeignKey("registries.id", ondelete="CASCADE"), nullable=False),
    # One of the two: an account or a group holds it.
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE")),
    Column("group_id", ForeignKey("groups.id", ondelete="CASCADE")),
    Column("pattern", WORDS, nullable=False),
    Column("role", WORDS, nullable=False),
    UniqueConstraint("registry_id", "user_id", "pattern"),
    UniqueConstraint("registry_id", "group_id", "pattern"),
    Index("grants_by_user", "user_id", "registry_id"),
    Index("grants_by_group", "group_id", "registry_id"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", WORDS, primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("csrf", WORDS, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Index("sessions_by_user", "user_id"),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("id", WORDS, primary_key=True),
    Column("secret", LargeBinary, nullable=False),
    Column("created_at", Float, nullable=False),
)

repositories = Table(
    "repositories",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("registry_id", ForeignKey("registries.id"), nullable=False),
    Column("name", WORDS, nullable=False, unique=True),
    Column("description", WORDS, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("pushed_at", Float),
    Column("pushed_by", WORDS, nullable=False),
    Column("pulls", WHOLE, nullable=False),
    Column("pushes", WHOLE, nullable=False),
    Column("last_pulled_at", Float),
    Index("repositories_by_registry", "registry_id", "name"),
    Index("repositories_by_push", "pushed_at"),
)

manifests = Table(
    "manifests",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("repository_id", ForeignKey("repositories.id", ondelete="CASCADE"), nullable=False),
    Column("digest", WORDS, nullable=False),
    Column("media_type", WORDS, nullable=False),
    Column("artifact_type", WORDS),
    Column("config_type", WORDS),
    Column("is_index", Boolean, nullable=False),
    Column("subject", WORDS),
    Column("annotations", WORDS, nullable=False),
    Column("platforms", WORDS, nullable=False),
    Column("own_size", WHOLE, nullable=False),
    Column("body_size", WHOLE, nullable=False),
    Column("pushed_at", Float, nullable=False),
    Column("pushed_by", WORDS, nullable=False),
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("repository_id", "digest"),
    Index("manifests_by_subject", "repository_id", "subject", "digest"),
    Index("manifests_by_time", "repository_id", text("pushed_at DESC"), "digest"),
)

edges = Table(
    "edges",
    metadata,
    _repository(),
    Column("source", WORDS, primary_key=True),
    Column("target", WORDS, primary_key=True),
    Index("edges_by_target", "target", "repository_id"),
    sqlite_with_rowid=False,
)

tags = Table(
    "tags",
    metadata,
    _repository(),
    Column("name", WORDS, primary_key=True),
    Column("digest", WORDS, nullable=False),
    Column("pushed_at", Float, nullable=False),
    Column("pushed_by", WORDS, nullable=False),
    Index("tags_by_digest", "repository_id", "digest"),
    Index("tags_by_time", "repository_id", text("pushed_at DESC"), "name"),
    sqlite_with_rowid=False,
)

tag_moves = Table(
    "tag_moves",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("repository_id", ForeignKey("repositories.id", ondelete="CASCADE"), nullable=False),
    Column("tag", WORDS, nullable=False),
    Column("digest", WORDS),
    Column("previous", WORDS),
    Column("at", Float, nullable=False),
    Column("by", WORDS, nullable=False),
    Index("tag_moves_by_tag", "repository_id", "tag", "id"),
)

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
    _repository(),
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

# One row, whose mark becomes another one whenever what decides who may do what is changed: by triggers of those tables,
# so that no statement can forget it. No number that counts: a database brought back from before would come to the same.
standing = Table(
    "standing",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("mark", WORDS, nullable=False),
)
STANDING = select(standing.c.mark).where(standing.c.id == 1).scalar_subquery()

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
