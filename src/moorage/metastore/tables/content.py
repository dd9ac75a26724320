"""What people see: registries, their repositories, images and tags."""

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    LargeBinary,
    Table,
    UniqueConstraint,
    false,
    text,
)

from moorage.metastore.tables.columns import WHOLE, WORDS, metadata, of_repository

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
    # Bytes; NULL for no limit. The warning is a percentage, 0 for never.
    Column("quota", WHOLE),
    Column("quota_warning", WHOLE, nullable=False, server_default="80"),
    Column("trash_days", WHOLE, nullable=False, server_default="14"),
    Index("registries_by_visibility", "visibility", "address"),
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
    # Whether it is what a deletion in its registry took; triggers set it (migration 0018).
    Column("is_trashed", Boolean, nullable=False, server_default=false()),
    Index("repositories_by_registry", "registry_id", "name"),
    Index("repositories_by_push", "pushed_at"),
    Index("repositories_by_registry_push", "registry_id", "pushed_at"),
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
    # What verification has found wrong with it; a push that brings its bytes again makes it NULL.
    Column("damage", WORDS),
    # Seconds that its label says; of an index, its own annotation.
    Column("expires_after", WHOLE),
    UniqueConstraint("repository_id", "digest"),
    Index("manifests_by_subject", "repository_id", "subject", "digest"),
    Index("manifests_by_time", "repository_id", text("pushed_at DESC"), "digest"),
    Index(
        "manifests_damaged", "id", sqlite_where=text("damage IS NOT NULL"), postgresql_where=text("damage IS NOT NULL")
    ),
)

edges = Table(
    "edges",
    metadata,
    of_repository(),
    Column("source", WORDS, primary_key=True),
    Column("target", WORDS, primary_key=True),
    Index("edges_by_target", "target", "repository_id"),
    sqlite_with_rowid=False,
)

tags = Table(
    "tags",
    metadata,
    of_repository(),
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
    Column("how", WORDS, nullable=False, server_default=""),
    Index("tag_moves_by_tag", "repository_id", "tag", "id"),
    Index(
        "tag_moves_deleted",
        "at",
        sqlite_where=text("digest IS NULL"),
        postgresql_where=text("digest IS NULL"),
    ),
)
