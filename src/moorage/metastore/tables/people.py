"""Who there is, what they may do, and how they prove who they are."""

from sqlalchemy import Boolean, Column, Float, ForeignKey, Index, LargeBinary, Table, UniqueConstraint, select

from moorage.metastore.tables.columns import WHOLE, WORDS, metadata

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

# One row, whose mark becomes another one whenever what decides who may do what is changed: by triggers of those tables,
# so that no statement can forget it. No number that counts: a database brought back from before would come to the same.
standing = Table(
    "standing",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("mark", WORDS, nullable=False),
)
STANDING = select(standing.c.mark).where(standing.c.id == 1).scalar_subquery()
