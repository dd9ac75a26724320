"""The tables. Times are Unix seconds, sizes bytes; `leased_until` is in the server's own seconds (`clock`).

    registries ─┬─ grants ── users, groups ─ group_members        who holds a role
                │            users ─ sessions, identities, access_tokens
                └─ repositories ─┬─ links ──────── blobs        what a repository may read; what is on disk
                                 ├─ manifests ─┬─ edges         what a manifest keeps alive
                                 │             └─ tags ─ tag_moves
                                 └─ uploads                     sessions that have not ended
    activity                                                    what happened; it outlives what it is about

A lease of NULL means: looked at by a collection and found in use; whatever stops using it sets a lease again, so that
only rows with a lease are ever looked at (collect.py).
"""

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData()


def _repository() -> Column[int]:
    return Column("repository_id", ForeignKey("repositories.id", ondelete="CASCADE"), nullable=False, primary_key=True)


registries = Table(
    "registries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("address", Text, nullable=False, unique=True),
    Column("description", Text, nullable=False),
    Column("visibility", Text, nullable=False),
    Column("immutable_tags", Text, nullable=False, server_default=""),
    Column("created_at", Float, nullable=False),
    Column("created_by", Text, nullable=False),
    Index("registries_by_visibility", "visibility", "address"),
)

users = Table(
    "users",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    Column("is_admin", Boolean, nullable=False),
    Column("is_disabled", Boolean, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("kind", Text, nullable=False),
    Column("registry_id", ForeignKey("registries.id", ondelete="CASCADE")),
    Column("password_expires_at", Float),
    Index("users_by_registry", "registry_id", "name"),
    sqlite_autoincrement=True,
)

access_tokens = Table(
    "access_tokens",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("secret_hash", Text, nullable=False, unique=True),
    Column("actions", Text, nullable=False),
    Column("patterns", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", Float),
    Column("last_used_at", Float),
    UniqueConstraint("user_id", "name"),
    # Bearer tokens name these ids: one that is gone must not come back as another.
    sqlite_autoincrement=True,
)

groups = Table(
    "groups",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    # Both or neither: whose members come from a directory's group of that name.
    Column("directory", Text),
    Column("external", Text),
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
    Column("directory", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Index("identities_by_user", "user_id"),
    sqlite_with_rowid=False,
)

grants = Table(
    "grants",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("registry_id", ForeignKey("registries.id", ondelete="CASCADE"), nullable=False),
    # One of the two: an account or a group holds it.
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE")),
    Column("group_id", ForeignKey("groups.id", ondelete="CASCADE")),
    Column("pattern", Text, nullable=False),
    Column("role", Text, nullable=False),
    UniqueConstraint("registry_id", "user_id", "pattern"),
    UniqueConstraint("registry_id", "group_id", "pattern"),
    Index("grants_by_user", "user_id", "registry_id"),
    Index("grants_by_group", "group_id", "registry_id"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", Text, primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("csrf", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Index("sessions_by_user", "user_id"),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("secret", LargeBinary, nullable=False),
    Column("created_at", Float, nullable=False),
)

repositories = Table(
    "repositories",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("registry_id", ForeignKey("registries.id"), nullable=False),
    Column("name", Text, nullable=False, unique=True),
    Column("description", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("pushed_at", Float),
    Column("pushed_by", Text, nullable=False),
    Column("pulls", Integer, nullable=False),
    Column("pushes", Integer, nullable=False),
    Column("last_pulled_at", Float),
    Index("repositories_by_registry", "registry_id", "name"),
    Index("repositories_by_push", "pushed_at"),
)

manifests = Table(
    "manifests",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("repository_id", ForeignKey("repositories.id", ondelete="CASCADE"), nullable=False),
    Column("digest", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("artifact_type", Text),
    Column("config_type", Text),
    Column("is_index", Boolean, nullable=False),
    Column("subject", Text),
    Column("annotations", Text, nullable=False),
    Column("platforms", Text, nullable=False),
    Column("own_size", Integer, nullable=False),
    Column("body_size", Integer, nullable=False),
    Column("pushed_at", Float, nullable=False),
    Column("pushed_by", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("repository_id", "digest"),
    Index("manifests_by_subject", "repository_id", "subject", "digest"),
    Index("manifests_by_time", "repository_id", text("pushed_at DESC"), "digest"),
)

edges = Table(
    "edges",
    metadata,
    _repository(),
    Column("source", Text, primary_key=True),
    Column("target", Text, primary_key=True),
    Index("edges_by_target", "target", "repository_id"),
    sqlite_with_rowid=False,
)

tags = Table(
    "tags",
    metadata,
    _repository(),
    Column("name", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("pushed_at", Float, nullable=False),
    Column("pushed_by", Text, nullable=False),
    Index("tags_by_digest", "repository_id", "digest"),
    Index("tags_by_time", "repository_id", text("pushed_at DESC"), "name"),
    sqlite_with_rowid=False,
)

tag_moves = Table(
    "tag_moves",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("repository_id", ForeignKey("repositories.id", ondelete="CASCADE"), nullable=False),
    Column("tag", Text, nullable=False),
    Column("digest", Text),
    Column("previous", Text),
    Column("at", Float, nullable=False),
    Column("by", Text, nullable=False),
    Index("tag_moves_by_tag", "repository_id", "tag", "id"),
)

blobs = Table(
    "blobs",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("size", Integer, nullable=False),
    # Where the store keeps it, in its own words; NULL is the address that is its digest.
    Column("place", Text),
    Column("leased_until", Float),
    Index("blobs_by_lease", "leased_until"),
    sqlite_with_rowid=False,
)

links = Table(
    "links",
    metadata,
    _repository(),
    Column("digest", Text, primary_key=True),
    Column("size", Integer, nullable=False),
    Column("leased_until", Float),
    Index("links_by_digest", "digest"),
    Index("links_by_lease", "leased_until"),
    sqlite_with_rowid=False,
)

uploads = Table(
    "uploads",
    metadata,
    Column("id", Text, primary_key=True),
    # The row outlives its repository: it is what knows of the bytes until they are given back.
    Column("repository_id", ForeignKey("repositories.id", ondelete="SET NULL")),
    Column("user", Text, nullable=False),
    Column("algorithm", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("digest", Text),
    Column("place", Text, nullable=False),
    Column("started_at", Float, nullable=False),
    Column("leased_until", Float, nullable=False),
    Index("uploads_by_lease", "leased_until"),
    Index("uploads_by_repository", "repository_id"),
)

# Places whose bytes nothing leads to, until they are deleted there.
discarded = Table(
    "discarded",
    metadata,
    Column("place", Text, primary_key=True),
    Column("leased_until", Float, nullable=False),
    Index("discarded_by_lease", "leased_until"),
    sqlite_with_rowid=False,
)

clock = Table(
    "clock",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("seconds", Float, nullable=False),
)

activity = Table(
    "activity",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("who", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("token", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("registry", Text, nullable=False),
    Column("before", Text),
    Column("after", Text),
    Column("request_id", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    # Every push pays for an index, and readers can wait: they go through the rows in this order, a window at a time.
    Index("activity_by_time", "at", "id"),
)
