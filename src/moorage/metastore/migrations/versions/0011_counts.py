"""How much each repository and each registry holds, kept by triggers, so that no statement can forget it.

    tags · manifests · links ──▶ repository_counts                  a repository's own
    links ──▶ registry_blobs ──▶ registry_usage ◀── manifests, repositories
              with the first link of a digest in the registry, until the last one goes

PostgreSQL keeps a row for each of some slots, which a connection's process number chooses: those who write side by side
would else meet in one row. A repository's rows go before itself, while it is still known which registry it is in.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# As in tables/columns.py: 64 bits and byte order in every database.
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

LINK_ON_SQLITE = """
UPDATE repository_counts SET blob_bytes = blob_bytes + NEW.size WHERE repository_id = NEW.repository_id;
INSERT INTO registry_blobs (registry_id, digest, size)
    SELECT r.registry_id, NEW.digest, NEW.size FROM repositories r WHERE r.id = NEW.repository_id
    AND NOT EXISTS (SELECT 1 FROM registry_blobs b WHERE b.registry_id = r.registry_id AND b.digest = NEW.digest);
"""
UNLINK_ON_SQLITE = """
UPDATE repository_counts SET blob_bytes = blob_bytes - OLD.size WHERE repository_id = OLD.repository_id;
DELETE FROM registry_blobs
    WHERE registry_id = (SELECT r.registry_id FROM repositories r WHERE r.id = OLD.repository_id)
    AND digest = OLD.digest AND NOT EXISTS (
        SELECT 1 FROM links l JOIN repositories r ON r.id = l.repository_id
        WHERE l.digest = OLD.digest AND r.registry_id = registry_blobs.registry_id
    );
"""
IMAGE_ON_SQLITE = """
UPDATE repository_counts SET images = images + 1, body_bytes = body_bytes + NEW.body_size
    WHERE repository_id = NEW.repository_id;
UPDATE registry_usage SET images = images + 1, body_bytes = body_bytes + NEW.body_size
    WHERE registry_id = (SELECT registry_id FROM repositories WHERE id = NEW.repository_id);
"""
DROP_IMAGE_ON_SQLITE = """
UPDATE repository_counts SET images = images - 1, body_bytes = body_bytes - OLD.body_size
    WHERE repository_id = OLD.repository_id;
UPDATE registry_usage SET images = images - 1, body_bytes = body_bytes - OLD.body_size
    WHERE registry_id = (SELECT registry_id FROM repositories WHERE id = OLD.repository_id);
"""
TAG_ON_SQLITE = "UPDATE repository_counts SET tags = tags + 1 WHERE repository_id = NEW.repository_id;"
DROP_TAG_ON_SQLITE = "UPDATE repository_counts SET tags = tags - 1 WHERE repository_id = OLD.repository_id;"

ON_SQLITE = {
    "AFTER INSERT ON links": LINK_ON_SQLITE,
    "AFTER DELETE ON links": UNLINK_ON_SQLITE,
    "AFTER UPDATE OF repository_id, digest, size ON links": UNLINK_ON_SQLITE + LINK_ON_SQLITE,
    "AFTER INSERT ON manifests": IMAGE_ON_SQLITE,
    "AFTER DELETE ON manifests": DROP_IMAGE_ON_SQLITE,
    "AFTER UPDATE OF repository_id, body_size ON manifests": DROP_IMAGE_ON_SQLITE + IMAGE_ON_SQLITE,
    "AFTER INSERT ON tags": TAG_ON_SQLITE,
    "AFTER DELETE ON tags": DROP_TAG_ON_SQLITE,
    "AFTER UPDATE OF repository_id ON tags": DROP_TAG_ON_SQLITE + TAG_ON_SQLITE,
    "AFTER INSERT ON registry_blobs": """
UPDATE registry_usage SET blob_bytes = blob_bytes + NEW.size WHERE registry_id = NEW.registry_id;
""",
    "AFTER DELETE ON registry_blobs": """
UPDATE registry_usage SET blob_bytes = blob_bytes - OLD.size WHERE registry_id = OLD.registry_id;
""",
    "AFTER INSERT ON registries": """
INSERT INTO registry_usage (registry_id, slot, repositories, images, body_bytes, blob_bytes)
    VALUES (NEW.id, 0, 0, 0, 0, 0);
""",
    "AFTER INSERT ON repositories": """
INSERT INTO repository_counts (repository_id, slot, tags, images, body_bytes, blob_bytes)
    VALUES (NEW.id, 0, 0, 0, 0, 0);
UPDATE registry_usage SET repositories = repositories + (NEW.pushed_at IS NOT NULL) WHERE registry_id = NEW.registry_id;
""",
    "BEFORE DELETE ON repositories": """
DELETE FROM tags WHERE repository_id = OLD.id;
DELETE FROM manifests WHERE repository_id = OLD.id;
DELETE FROM links WHERE repository_id = OLD.id;
UPDATE registry_usage SET repositories = repositories - (OLD.pushed_at IS NOT NULL) WHERE registry_id = OLD.registry_id;
""",
    """AFTER UPDATE OF pushed_at ON repositories
WHEN (OLD.pushed_at IS NULL) <> (NEW.pushed_at IS NULL)""": """
UPDATE registry_usage
    SET repositories = repositories + (NEW.pushed_at IS NOT NULL) - (OLD.pushed_at IS NOT NULL)
    WHERE registry_id = NEW.registry_id;
""",
    "BEFORE UPDATE OF registry_id ON repositories WHEN OLD.registry_id <> NEW.registry_id": """
SELECT RAISE(ABORT, 'a repository stays in its registry');
""",
}

ADD_ON_POSTGRESQL = """
CREATE FUNCTION add_to_repository(repository bigint, more_tags bigint, more_images bigint, bodies bigint, blobs bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO repository_counts AS kept (repository_id, slot, tags, images, body_bytes, blob_bytes)
    VALUES (repository, pg_backend_pid() % 16, more_tags, more_images, bodies, blobs)
    ON CONFLICT (repository_id, slot) DO UPDATE SET
        tags = kept.tags + excluded.tags, images = kept.images + excluded.images,
        body_bytes = kept.body_bytes + excluded.body_bytes, blob_bytes = kept.blob_bytes + excluded.blob_bytes;
END $$;
CREATE FUNCTION add_to_registry(registry bigint, more bigint, more_images bigint, bodies bigint, blobs bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO registry_usage AS kept (registry_id, slot, repositories, images, body_bytes, blob_bytes)
    VALUES (registry, pg_backend_pid() % 16, more, more_images, bodies, blobs)
    ON CONFLICT (registry_id, slot) DO UPDATE SET
        repositories = kept.repositories + excluded.repositories, images = kept.images + excluded.images,
        body_bytes = kept.body_bytes + excluded.body_bytes, blob_bytes = kept.blob_bytes + excluded.blob_bytes;
END $$
"""

# What was in the registry already is read: SERIALIZABLE then sees it when somebody takes it out meanwhile. What is new
# is not, since a page of the index that is read meets everybody who adds to it. Each row is looked up by its key,
# whatever PostgreSQL expects: a plan is kept, and made for one row it must do for all of a repository's, or for none.
LINKS_ON_POSTGRESQL = """
CREATE FUNCTION count_links() RETURNS trigger LANGUAGE plpgsql
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
DECLARE
    known bigint;
    found_here record;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM repository_id, digest, size FROM added EXCEPT SELECT repository_id, digest, size FROM removed;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM add_to_repository(repository_id, 0, 0, 0, sum(size)::bigint) FROM added GROUP BY repository_id;
        known := (SELECT count(*) FROM added);
        FOR found_here IN
            WITH put AS (
                INSERT INTO registry_blobs (registry_id, digest, size)
                SELECT (SELECT r.registry_id FROM repositories r WHERE r.id = a.repository_id), a.digest, a.size
                FROM added a
                ON CONFLICT DO NOTHING RETURNING registry_id, size
            )
            SELECT registry_id, count(*) AS number, sum(size)::bigint AS bytes FROM put GROUP BY registry_id
        LOOP
            known := known - found_here.number;
            PERFORM add_to_registry(found_here.registry_id, 0, 0, 0, found_here.bytes);
        END LOOP;
        IF known > 0 THEN
            PERFORM (
                SELECT b.size FROM registry_blobs b WHERE b.digest = a.digest
                AND b.registry_id = (SELECT r.registry_id FROM repositories r WHERE r.id = a.repository_id)
            ) FROM added a;
        END IF;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        PERFORM add_to_repository(repository_id, 0, 0, 0, -sum(size)::bigint) FROM removed GROUP BY repository_id;
        FOR found_here IN
            WITH here AS MATERIALIZED (
                SELECT DISTINCT (SELECT r.registry_id FROM repositories r WHERE r.id = o.repository_id) AS registry_id,
                    o.digest
                FROM removed o
            ), gone AS (
                DELETE FROM registry_blobs b USING here
                WHERE b.registry_id = here.registry_id AND b.digest = here.digest AND (
                    SELECT 1 FROM links l WHERE l.digest = here.digest
                    AND (SELECT r.registry_id FROM repositories r WHERE r.id = l.repository_id) = here.registry_id
                    LIMIT 1
                ) IS NULL
                RETURNING b.registry_id, b.size
            )
            SELECT registry_id, sum(size)::bigint AS bytes FROM gone GROUP BY registry_id
        LOOP
            PERFORM add_to_registry(found_here.registry_id, 0, 0, 0, -found_here.bytes);
        END LOOP;
    END IF;
    RETURN NULL;
END $$
"""
IMAGES_ON_POSTGRESQL = """
CREATE FUNCTION count_images() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed record;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM repository_id, body_size FROM added EXCEPT SELECT repository_id, body_size FROM removed;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        FOR changed IN
            SELECT repository_id, count(*) AS number, sum(body_size)::bigint AS bytes FROM added GROUP BY repository_id
        LOOP
            PERFORM count_bodies(changed.repository_id, changed.number, changed.bytes);
        END LOOP;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        FOR changed IN
            SELECT repository_id, count(*) AS number, sum(body_size)::bigint AS bytes
            FROM removed GROUP BY repository_id
        LOOP
            PERFORM count_bodies(changed.repository_id, -changed.number, -changed.bytes);
        END LOOP;
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION count_bodies(repository bigint, number bigint, bytes bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM add_to_repository(repository, 0, number, bytes, 0);
    PERFORM add_to_registry((SELECT r.registry_id FROM repositories r WHERE r.id = repository), 0, number, bytes, 0);
END $$
"""
TAGS_ON_POSTGRESQL = """
CREATE FUNCTION count_tags() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM repository_id FROM added EXCEPT SELECT repository_id FROM removed;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM add_to_repository(repository_id, count(*), 0, 0, 0) FROM added GROUP BY repository_id;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        PERFORM add_to_repository(repository_id, -count(*), 0, 0, 0) FROM removed GROUP BY repository_id;
    END IF;
    RETURN NULL;
END $$
"""
REPOSITORIES_ON_POSTGRESQL = """
CREATE FUNCTION count_repositories() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM add_to_registry(registry_id, count(*), 0, 0, 0) FROM added WHERE pushed_at IS NOT NULL GROUP BY registry_id;
    RETURN NULL;
END $$;
CREATE FUNCTION count_repository() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.registry_id <> OLD.registry_id THEN
        RAISE EXCEPTION 'a repository stays in its registry';
    END IF;
    PERFORM add_to_registry(NEW.registry_id, CASE WHEN NEW.pushed_at IS NULL THEN -1 ELSE 1 END, 0, 0, 0);
    RETURN NULL;
END $$;
CREATE FUNCTION empty_repository() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM tags WHERE repository_id = OLD.id;
    DELETE FROM manifests WHERE repository_id = OLD.id;
    DELETE FROM links WHERE repository_id = OLD.id;
    IF OLD.pushed_at IS NOT NULL THEN
        PERFORM add_to_registry(OLD.registry_id, -1, 0, 0, 0);
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER counts_insert AFTER INSERT ON repositories
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_repositories();
CREATE TRIGGER counts_update AFTER UPDATE OF pushed_at, registry_id ON repositories FOR EACH ROW
WHEN (((OLD.pushed_at IS NULL) <> (NEW.pushed_at IS NULL)) OR OLD.registry_id <> NEW.registry_id)
EXECUTE FUNCTION count_repository();
CREATE TRIGGER counts_delete BEFORE DELETE ON repositories FOR EACH ROW EXECUTE FUNCTION empty_repository()
"""
TRIGGERS_ON_POSTGRESQL = """
CREATE TRIGGER counts_insert AFTER INSERT ON {table}
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_{what}();
CREATE TRIGGER counts_update AFTER UPDATE ON {table}
REFERENCING NEW TABLE AS added OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION count_{what}();
CREATE TRIGGER counts_delete AFTER DELETE ON {table}
REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION count_{what}()
"""

FILL = (
    """
INSERT INTO repository_counts (repository_id, slot, tags, images, body_bytes, blob_bytes)
SELECT r.id, 0, (SELECT count(*) FROM tags t WHERE t.repository_id = r.id),
    (SELECT count(*) FROM manifests m WHERE m.repository_id = r.id),
    (SELECT coalesce(sum(m.body_size), 0) FROM manifests m WHERE m.repository_id = r.id),
    (SELECT coalesce(sum(l.size), 0) FROM links l WHERE l.repository_id = r.id)
FROM repositories r
""",
    """
INSERT INTO registry_blobs (registry_id, digest, size)
SELECT r.registry_id, l.digest, max(l.size) FROM links l JOIN repositories r ON r.id = l.repository_id GROUP BY 1, 2
""",
    """
INSERT INTO registry_usage (registry_id, slot, repositories, images, body_bytes, blob_bytes)
SELECT registries.id, 0,
    (SELECT count(*) FROM repositories r WHERE r.registry_id = registries.id AND r.pushed_at IS NOT NULL),
    (SELECT coalesce(sum(c.images), 0) FROM repositories r JOIN repository_counts c ON c.repository_id = r.id
        WHERE r.registry_id = registries.id),
    (SELECT coalesce(sum(c.body_bytes), 0) FROM repositories r JOIN repository_counts c ON c.repository_id = r.id
        WHERE r.registry_id = registries.id),
    (SELECT coalesce(sum(b.size), 0) FROM registry_blobs b WHERE b.registry_id = registries.id)
FROM registries
""",
)


def upgrade() -> None:
    """Make the tables; then the triggers, which keep writers off until the end; and fill the tables."""
    _make_tables()
    if op.get_bind().dialect.name == "sqlite":
        for statement in FILL:
            op.execute(statement)
        for number, (event, statements) in enumerate(ON_SQLITE.items()):
            op.execute(f"CREATE TRIGGER counts_{number} {event}\nBEGIN {statements} END")
        return
    op.execute(ADD_ON_POSTGRESQL)
    for functions in (LINKS_ON_POSTGRESQL, IMAGES_ON_POSTGRESQL, TAGS_ON_POSTGRESQL, REPOSITORIES_ON_POSTGRESQL):
        op.execute(functions)
    for table, what in (("links", "links"), ("manifests", "images"), ("tags", "tags")):
        op.execute(TRIGGERS_ON_POSTGRESQL.format(table=table, what=what))
    for statement in FILL:
        op.execute(statement)
    for table in ("repository_counts", "registry_blobs", "registry_usage"):
        op.execute(f"ANALYZE {table}")


def _make_tables() -> None:
    def counted() -> list[sa.Column[int]]:
        return [sa.Column(name, WHOLE, nullable=False) for name in ("images", "body_bytes", "blob_bytes")]

    op.create_table(
        "repository_counts",
        sa.Column("repository_id", WHOLE, sa.ForeignKey("repositories.id", ondelete="CASCADE"), nullable=False),
        sa.Column("slot", WHOLE, nullable=False),
        sa.Column("tags", WHOLE, nullable=False),
        *counted(),
        sa.PrimaryKeyConstraint("repository_id", "slot"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "registry_usage",
        sa.Column("registry_id", WHOLE, sa.ForeignKey("registries.id", ondelete="CASCADE"), nullable=False),
        sa.Column("slot", WHOLE, nullable=False),
        sa.Column("repositories", WHOLE, nullable=False),
        *counted(),
        sa.PrimaryKeyConstraint("registry_id", "slot"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "registry_blobs",
        sa.Column("registry_id", WHOLE, sa.ForeignKey("registries.id", ondelete="CASCADE"), nullable=False),
        sa.Column("digest", WORDS, nullable=False),
        sa.Column("size", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("registry_id", "digest"),
        sqlite_with_rowid=False,
    )
    op.create_index("repositories_by_registry_push", "repositories", ["registry_id", "pushed_at"])
