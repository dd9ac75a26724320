"""What is kept and let go by rules: the rules, what is pinned, when images were pulled, and when to look again."""

from sqlalchemy import Boolean, Column, Float, ForeignKey, ForeignKeyConstraint, Index, Table, text

from moorage.metastore.tables.columns import WHOLE, WORDS, metadata

retention_rules = Table(
    "retention_rules",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("registry_id", ForeignKey("registries.id", ondelete="CASCADE"), nullable=False),
    Column("position", WHOLE, nullable=False),
    Column("name", WORDS, nullable=False),
    # What it says, as JSON.
    Column("rule", WORDS, nullable=False),
    Column("is_paused", Boolean, nullable=False),
    Column("is_previewed", Boolean, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("created_by", WORDS, nullable=False),
    # What it did last.
    Column("ran_at", Float),
    Column("ran_tags", WHOLE, nullable=False),
    Column("ran_images", WHOLE, nullable=False),
    Column("ran_frees", WHOLE, nullable=False),
    Index("retention_rules_by_registry", "registry_id", "position"),
    # An address names these ids: one that is gone must not come back as another.
    sqlite_autoincrement=True,
)

# Runs of a registry's rules, of which one at a time is open.
retention_runs = Table(
    "retention_runs",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("registry_id", ForeignKey("registries.id", ondelete="CASCADE"), nullable=False),
    # Empty where the clock began it.
    Column("asked_by", WORDS, nullable=False),
    Column("started_at", Float, nullable=False),
    Column("ended_at", Float),
    # Who is at it, and said so last.
    Column("runner", WORDS, nullable=False),
    Column("seen_at", Float, nullable=False),
    # How many were looked at, how much rules let go in them, and how much of that has been seen to.
    Column("repositories", WHOLE, nullable=False),
    Column("decided", WHOLE, nullable=False),
    Column("settled", WHOLE, nullable=False),
    Index("retention_runs_by_registry", "registry_id", "id"),
    Index(
        "retention_runs_open",
        "registry_id",
        unique=True,
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
    # What lies in the trash names these ids: one that is gone must not come back as another.
    sqlite_autoincrement=True,
)

# What went by each rule in a run, counted where it goes.
retention_run_rules = Table(
    "retention_run_rules",
    metadata,
    Column("run_id", ForeignKey("retention_runs.id", ondelete="CASCADE"), primary_key=True),
    Column("rule_id", WHOLE, primary_key=True),
    Column("tags", WHOLE, nullable=False),
    Column("images", WHOLE, nullable=False),
    Column("frees", WHOLE, nullable=False),
    sqlite_with_rowid=False,
)

pins = Table(
    "pins",
    metadata,
    Column("repository_id", WHOLE, primary_key=True),
    Column("digest", WORDS, primary_key=True),
    # Each has their own, so that nobody's ends with another's.
    Column("pinned_by", WORDS, primary_key=True),
    Column("why", WORDS, nullable=False),
    Column("pinned_at", Float, nullable=False),
    Column("until", Float),
    ForeignKeyConstraint(
        ["repository_id", "digest"],
        ["manifests.repository_id", "manifests.digest"],
        ondelete="CASCADE",
        onupdate="CASCADE",
    ),
    sqlite_with_rowid=False,
)

image_pulls = Table(
    "image_pulls",
    metadata,
    Column("repository_id", WHOLE, primary_key=True),
    Column("digest", WORDS, primary_key=True),
    Column("pulled_at", Float, nullable=False),
    # Empty for somebody who was not signed in.
    Column("pulled_by", WORDS, nullable=False, server_default=""),
    ForeignKeyConstraint(
        ["repository_id", "digest"],
        ["manifests.repository_id", "manifests.digest"],
        ondelete="CASCADE",
        onupdate="CASCADE",
    ),
    sqlite_with_rowid=False,
)

# Repositories that rules must look at, and when; one that has no row waits for a push, or for other rules.
retention_due = Table(
    "retention_due",
    metadata,
    Column("repository_id", ForeignKey("repositories.id", ondelete="CASCADE"), primary_key=True),
    Column("due_at", Float, nullable=False),
    Index("retention_due_by_time", "due_at", "repository_id"),
)

# Which rules all repositories of a registry have been put in line for.
retention_marks = Table(
    "retention_marks",
    metadata,
    Column("registry_id", ForeignKey("registries.id", ondelete="CASCADE"), primary_key=True),
    Column("mark", WORDS, nullable=False),
)

# One row: since when pulls of images are known, when rules last ran, and up to where they have looked for changes.
retention_state = Table(
    "retention_state",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("pulls_since", Float, nullable=False),
    Column("ran_at", Float, nullable=False),
    Column("seen_push", Float, nullable=False),
    Column("seen_move", WHOLE, nullable=False),
)
