"""How much of what a registry holds lies in its trash, kept by triggers like the rest (0011).

    repositories.is_trashed         from its name and its registry's address: a registry that is deleted takes all it has
                                    along, and nothing of that is in its own trash
    registry_blobs.is_trashed       no repository that is there has it, only what was deleted
    registry_usage.trash_…          the sums of both, of what the other columns count, too
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
COLUMNS = ("repositories", "images", "body_bytes", "blob_bytes")

IS_TRASHED_ON_SQLITE = """
(substr(NEW.name, 1, 1) = '~' AND substr(NEW.name, 1, instr(NEW.name, '/') - 1) <>
    (SELECT address FROM registries WHERE id = NEW.registry_id))
"""
LINK_ON_SQLITE = """
UPDATE repository_counts SET blob_bytes = blob_bytes + NEW.size WHERE repository_id = NEW.repository_id;
INSERT INTO registry_blobs (registry_id, digest, size, is_trashed)
    SELECT r.registry_id, NEW.digest, NEW.size, r.is_trashed FROM repositories r WHERE r.id = NEW.repository_id
    AND NOT EXISTS (SELECT 1 FROM registry_blobs b WHERE b.registry_id = r.registry_id AND b.digest = NEW.digest);
UPDATE registry_blobs SET is_trashed = 0
    WHERE is_trashed AND digest = NEW.digest AND registry_id = (
        SELECT r.registry_id FROM repositories r WHERE r.id = NEW.repository_id AND NOT r.is_trashed
    );
"""
UNLINK_ON_SQLITE = """
UPDATE repository_counts SET blob_bytes = blob_bytes - OLD.size WHERE repository_id = OLD.repository_id;
DELETE FROM registry_blobs
    WHERE registry_id = (SELECT r.registry_id FROM repositories r WHERE r.id = OLD.repository_id)
    AND digest = OLD.digest AND NOT EXISTS (
        SELECT 1 FROM links l JOIN repositories r ON r.id = l.repository_id
        WHERE l.digest = OLD.digest AND r.registry_id = registry_blobs.registry_id
    );
UPDATE registry_blobs SET is_trashed = 1
    WHERE NOT is_trashed AND digest = OLD.digest AND registry_id = (
        SELECT r.registry_id FROM repositories r WHERE r.id = OLD.repository_id AND NOT r.is_trashed
    ) AND NOT EXISTS (
        SELECT 1 FROM links l JOIN repositories r ON r.id = l.repository_id
        WHERE l.digest = OLD.digest AND r.registry_id = registry_blobs.registry_id AND NOT r.is_trashed
    );
"""
IMAGE_ON_SQLITE = """
UPDATE registry_usage SET trash_images = trash_images {sign} 1, trash_body_bytes = trash_body_bytes {sign} {row}.body_size
    WHERE registry_id = (SELECT registry_id FROM repositories WHERE id = {row}.repository_id AND is_trashed);
"""
ADD_IMAGE = IMAGE_ON_SQLITE.format(sign="+", row="NEW")
DROP_IMAGE = IMAGE_ON_SQLITE.format(sign="-", row="OLD")

# Takes the place of 0011's triggers of the same names.
INSTEAD_ON_SQLITE = {
    "counts_0": ("AFTER INSERT ON links", LINK_ON_SQLITE),
    "counts_1": ("AFTER DELETE ON links", UNLINK_ON_SQLITE),
    "counts_2": ("AFTER UPDATE OF repository_id, digest, size ON links", UNLINK_ON_SQLITE + LINK_ON_SQLITE),
}
ON_SQLITE = {
    "AFTER INSERT ON manifests": ADD_IMAGE,
    "AFTER DELETE ON manifests": DROP_IMAGE,
    "AFTER UPDATE OF repository_id, body_size ON manifests": DROP_IMAGE + ADD_IMAGE,
    "AFTER INSERT ON registry_blobs WHEN NEW.is_trashed": """
UPDATE registry_usage SET trash_blob_bytes = trash_blob_bytes + NEW.size WHERE registry_id = NEW.registry_id;
""",
    "AFTER DELETE ON registry_blobs WHEN OLD.is_trashed": """
UPDATE registry_usage SET trash_blob_bytes = trash_blob_bytes - OLD.size WHERE registry_id = OLD.registry_id;
""",
    "AFTER UPDATE OF is_trashed ON registry_blobs WHEN OLD.is_trashed <> NEW.is_trashed": """
UPDATE registry_usage SET trash_blob_bytes = trash_blob_bytes + NEW.size * (NEW.is_trashed - OLD.is_trashed)
    WHERE registry_id = NEW.registry_id;
""",
    "AFTER INSERT ON repositories WHEN NEW.is_trashed AND NEW.pushed_at IS NOT NULL": """
UPDATE registry_usage SET trash_repositories = trash_repositories + 1 WHERE registry_id = NEW.registry_id;
""",
    "AFTER INSERT ON repositories WHEN NOT NEW.is_trashed AND substr(NEW.name, 1, 1) = '~'": f"""
UPDATE repositories SET is_trashed = 1 WHERE id = NEW.id AND NOT is_trashed AND {IS_TRASHED_ON_SQLITE};
""",
    "AFTER UPDATE OF name ON repositories": f"""
UPDATE repositories SET is_trashed = NOT is_trashed WHERE id = NEW.id AND is_trashed <> {IS_TRASHED_ON_SQLITE};
""",
    "AFTER UPDATE OF is_trashed ON repositories WHEN OLD.is_trashed <> NEW.is_trashed": """
UPDATE registry_usage SET
    trash_repositories = trash_repositories + (NEW.pushed_at IS NOT NULL) * (NEW.is_trashed - OLD.is_trashed),
    trash_images = trash_images + (NEW.is_trashed - OLD.is_trashed)
        * coalesce((SELECT images FROM repository_counts WHERE repository_id = NEW.id), 0),
    trash_body_bytes = trash_body_bytes + (NEW.is_trashed - OLD.is_trashed)
        * coalesce((SELECT body_bytes FROM repository_counts WHERE repository_id = NEW.id), 0)
    WHERE registry_id = NEW.registry_id;
UPDATE registry_blobs SET is_trashed = 0
    WHERE NOT NEW.is_trashed AND is_trashed AND registry_id = NEW.registry_id
    AND digest IN (SELECT digest FROM links WHERE repository_id = NEW.id);
UPDATE registry_blobs SET is_trashed = 1
    WHERE NEW.is_trashed AND NOT is_trashed AND registry_id = NEW.registry_id
    AND digest IN (SELECT digest FROM links WHERE repository_id = NEW.id)
    AND NOT EXISTS (
        SELECT 1 FROM links l JOIN repositories r ON r.id = l.repository_id
        WHERE l.digest = registry_blobs.digest AND r.registry_id = NEW.registry_id AND NOT r.is_trashed
    );
""",
    """AFTER UPDATE OF pushed_at ON repositories
WHEN NEW.is_trashed AND OLD.is_trashed AND (OLD.pushed_at IS NULL) <> (NEW.pushed_at IS NULL)""": """
UPDATE registry_usage
    SET trash_repositories = trash_repositories + (NEW.pushed_at IS NOT NULL) - (OLD.pushed_at IS NOT NULL)
    WHERE registry_id = NEW.registry_id;
""",
    "BEFORE DELETE ON repositories WHEN OLD.is_trashed AND OLD.pushed_at IS NOT NULL": """
UPDATE registry_usage SET trash_repositories = trash_repositories - 1 WHERE registry_id = OLD.registry_id;
""",
}


def _is_gone_on_postgresql(registry: str) -> str:
    """Return whether no repository of a registry has the blob `here` any more, its trash aside."""
    return f"""(
        SELECT 1 FROM links l WHERE l.digest = here.digest AND (
            SELECT r.registry_id FROM repositories r WHERE r.id = l.repository_id AND NOT r.is_trashed
        ) = {registry} LIMIT 1
    ) IS NULL"""


ADD_ON_POSTGRESQL = """
CREATE FUNCTION add_to_trash(registry bigint, more bigint, more_images bigint, bodies bigint, blobs bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO registry_usage AS kept (registry_id, slot, repositories, images, body_bytes, blob_bytes,
        trash_repositories, trash_images, trash_body_bytes, trash_blob_bytes)
    VALUES (registry, pg_backend_pid() % 16, 0, 0, 0, 0, more, more_images, bodies, blobs)
    ON CONFLICT (registry_id, slot) DO UPDATE SET
        trash_repositories = kept.trash_repositories + excluded.trash_repositories,
        trash_images = kept.trash_images + excluded.trash_images,
        trash_body_bytes = kept.trash_body_bytes + excluded.trash_body_bytes,
        trash_blob_bytes = kept.trash_blob_bytes + excluded.trash_blob_bytes;
END $$
"""
# As in 0011: rows are looked up by their keys, one by one. What the registry has already is read here, too, and written
# only where nothing but the trash had it.
LINKS_ON_POSTGRESQL = f"""
CREATE OR REPLACE FUNCTION count_links() RETURNS trigger LANGUAGE plpgsql
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
DECLARE
    known bigint;
    of_trash bigint;
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
                INSERT INTO registry_blobs (registry_id, digest, size, is_trashed)
                SELECT h.registry_id, a.digest, a.size, h.is_trashed FROM added a CROSS JOIN LATERAL
                    (SELECT r.registry_id, r.is_trashed FROM repositories r WHERE r.id = a.repository_id OFFSET 0) h
                ON CONFLICT DO NOTHING RETURNING registry_id, size, is_trashed
            )
            SELECT registry_id, count(*) AS number, sum(size)::bigint AS bytes,
                coalesce(sum(size) FILTER (WHERE is_trashed), 0)::bigint AS trashed
            FROM put GROUP BY registry_id
        LOOP
            known := known - found_here.number;
            PERFORM add_to_registry(found_here.registry_id, 0, 0, 0, found_here.bytes);
            IF found_here.trashed > 0 THEN
                PERFORM add_to_trash(found_here.registry_id, 0, 0, 0, found_here.trashed);
            END IF;
        END LOOP;
        IF known > 0 THEN
            of_trash := (SELECT count(*) FROM added a WHERE (
                SELECT b.is_trashed FROM registry_blobs b WHERE b.digest = a.digest
                AND b.registry_id = (SELECT r.registry_id FROM repositories r WHERE r.id = a.repository_id)
            ));
        END IF;
        IF of_trash > 0 THEN
            FOR found_here IN
                WITH here AS MATERIALIZED (
                    SELECT DISTINCT h.registry_id, a.digest FROM added a CROSS JOIN LATERAL (
                        SELECT r.registry_id FROM repositories r
                        WHERE r.id = a.repository_id AND NOT r.is_trashed OFFSET 0
                    ) h
                ), turned AS (
                    UPDATE registry_blobs b SET is_trashed = false FROM here
                    WHERE b.registry_id = here.registry_id AND b.digest = here.digest AND b.is_trashed
                    RETURNING b.registry_id, b.size
                )
                SELECT registry_id, sum(size)::bigint AS bytes FROM turned GROUP BY registry_id
            LOOP
                PERFORM add_to_trash(found_here.registry_id, 0, 0, 0, -found_here.bytes);
            END LOOP;
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
                RETURNING b.registry_id, b.size, b.is_trashed
            )
            SELECT registry_id, sum(size)::bigint AS bytes,
                coalesce(sum(size) FILTER (WHERE is_trashed), 0)::bigint AS trashed
            FROM gone GROUP BY registry_id
        LOOP
            PERFORM add_to_registry(found_here.registry_id, 0, 0, 0, -found_here.bytes);
            IF found_here.trashed > 0 THEN
                PERFORM add_to_trash(found_here.registry_id, 0, 0, 0, -found_here.trashed);
            END IF;
        END LOOP;
        FOR found_here IN
            WITH here AS MATERIALIZED (
                SELECT DISTINCT h.registry_id, o.digest FROM removed o CROSS JOIN LATERAL (
                    SELECT r.registry_id FROM repositories r
                    WHERE r.id = o.repository_id AND NOT r.is_trashed OFFSET 0
                ) h
            ), turned AS (
                UPDATE registry_blobs b SET is_trashed = true FROM here
                WHERE b.registry_id = here.registry_id AND b.digest = here.digest AND NOT b.is_trashed
                AND {_is_gone_on_postgresql("here.registry_id")}
                RETURNING b.registry_id, b.size
            )
            SELECT registry_id, sum(size)::bigint AS bytes FROM turned GROUP BY registry_id
        LOOP
            PERFORM add_to_trash(found_here.registry_id, 0, 0, 0, found_here.bytes);
        END LOOP;
    END IF;
    RETURN NULL;
END $$
"""
IMAGES_ON_POSTGRESQL = """
CREATE OR REPLACE FUNCTION count_bodies(repository bigint, number bigint, bytes bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    here record;
BEGIN
    SELECT r.registry_id, r.is_trashed INTO here FROM repositories r WHERE r.id = repository;
    PERFORM add_to_repository(repository, 0, number, bytes, 0);
    PERFORM add_to_registry(here.registry_id, 0, number, bytes, 0);
    IF here.is_trashed THEN
        PERFORM add_to_trash(here.registry_id, 0, number, bytes, 0);
    END IF;
END $$
"""
REPOSITORIES_ON_POSTGRESQL = f"""
CREATE FUNCTION place_repository() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.is_trashed := left(NEW.name, 1) = '~' AND split_part(NEW.name, '/', 1) <>
        (SELECT g.address FROM registries g WHERE g.id = NEW.registry_id);
    RETURN NEW;
END $$;
CREATE FUNCTION turn_repository() RETURNS trigger LANGUAGE plpgsql
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
DECLARE
    sign bigint := CASE WHEN NEW.is_trashed THEN 1 ELSE -1 END;
    pushed bigint := CASE WHEN NEW.pushed_at IS NULL THEN 0 ELSE 1 END;
    bytes bigint;
BEGIN
    PERFORM add_to_trash(NEW.registry_id, sign * pushed, sign * coalesce(sum(c.images), 0)::bigint,
        sign * coalesce(sum(c.body_bytes), 0)::bigint, 0)
    FROM repository_counts c WHERE c.repository_id = NEW.id;
    WITH here AS MATERIALIZED (
        SELECT l.digest FROM links l WHERE l.repository_id = NEW.id
    ), turned AS (
        UPDATE registry_blobs b SET is_trashed = NEW.is_trashed FROM here
        WHERE b.registry_id = NEW.registry_id AND b.digest = here.digest AND b.is_trashed <> NEW.is_trashed
        AND (NOT NEW.is_trashed OR {_is_gone_on_postgresql("NEW.registry_id")})
        RETURNING b.size
    )
    SELECT coalesce(sum(size), 0)::bigint INTO bytes FROM turned;
    PERFORM add_to_trash(NEW.registry_id, 0, 0, 0, sign * bytes);
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION count_repositories() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM add_to_registry(registry_id, count(*), 0, 0, 0) FROM added WHERE pushed_at IS NOT NULL GROUP BY registry_id;
    PERFORM add_to_trash(registry_id, count(*), 0, 0, 0)
    FROM added WHERE pushed_at IS NOT NULL AND is_trashed GROUP BY registry_id;
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION count_repository() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    more bigint := CASE WHEN NEW.pushed_at IS NULL THEN -1 ELSE 1 END;
BEGIN
    IF NEW.registry_id <> OLD.registry_id THEN
        RAISE EXCEPTION 'a repository stays in its registry';
    END IF;
    PERFORM add_to_registry(NEW.registry_id, more, 0, 0, 0);
    IF OLD.is_trashed THEN
        PERFORM add_to_trash(NEW.registry_id, more, 0, 0, 0);
    END IF;
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION empty_repository() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM tags WHERE repository_id = OLD.id;
    DELETE FROM manifests WHERE repository_id = OLD.id;
    DELETE FROM links WHERE repository_id = OLD.id;
    IF OLD.pushed_at IS NOT NULL THEN
        PERFORM add_to_registry(OLD.registry_id, -1, 0, 0, 0);
        IF OLD.is_trashed THEN
            PERFORM add_to_trash(OLD.registry_id, -1, 0, 0, 0);
        END IF;
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER trash_place BEFORE INSERT OR UPDATE OF name ON repositories
FOR EACH ROW EXECUTE FUNCTION place_repository();
CREATE TRIGGER trash_turn AFTER UPDATE OF name ON repositories
FOR EACH ROW WHEN (OLD.is_trashed <> NEW.is_trashed) EXECUTE FUNCTION turn_repository()
"""

IN_TRASH = """
UPDATE repositories SET is_trashed = {true} WHERE name LIKE '~%' AND {address} <>
    (SELECT g.address FROM registries g WHERE g.id = repositories.registry_id)
"""
ALONE = """
UPDATE registry_blobs SET is_trashed = {true}
WHERE (registry_id, digest) IN (
    SELECT r.registry_id, l.digest FROM repositories r JOIN links l ON l.repository_id = r.id WHERE r.is_trashed
) AND NOT EXISTS (
    SELECT 1 FROM links l JOIN repositories r ON r.id = l.repository_id
    WHERE l.digest = registry_blobs.digest AND r.registry_id = registry_blobs.registry_id AND NOT r.is_trashed
)
"""
FILL = """
INSERT INTO registry_usage (registry_id, slot, repositories, images, body_bytes, blob_bytes,
    trash_repositories, trash_images, trash_body_bytes, trash_blob_bytes)
SELECT g.id, 0, 0, 0, 0, 0,
    (SELECT count(*) FROM repositories r WHERE r.registry_id = g.id AND r.is_trashed AND r.pushed_at IS NOT NULL),
    (SELECT coalesce(sum(c.images), 0) FROM repositories r JOIN repository_counts c ON c.repository_id = r.id
        WHERE r.registry_id = g.id AND r.is_trashed),
    (SELECT coalesce(sum(c.body_bytes), 0) FROM repositories r JOIN repository_counts c ON c.repository_id = r.id
        WHERE r.registry_id = g.id AND r.is_trashed),
    (SELECT coalesce(sum(b.size), 0) FROM registry_blobs b WHERE b.registry_id = g.id AND b.is_trashed)
FROM registries g
WHERE EXISTS (SELECT 1 FROM deletions d WHERE d.registry_id = g.id)
ON CONFLICT (registry_id, slot) DO UPDATE SET
    trash_repositories = excluded.trash_repositories, trash_images = excluded.trash_images,
    trash_body_bytes = excluded.trash_body_bytes, trash_blob_bytes = excluded.trash_blob_bytes
"""


def upgrade() -> None:
    """Add the columns, which keeps writers off until the end, say what is in the trash by now, and go on from there."""
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for table in ("repositories", "registry_blobs"):
        op.add_column(table, sa.Column("is_trashed", sa.Boolean(), nullable=False, server_default=sa.false()))
    for name in COLUMNS:
        op.add_column("registry_usage", sa.Column(f"trash_{name}", WHOLE, nullable=False, server_default="0"))
    true = "1" if is_sqlite else "true"
    address = "substr(name, 1, instr(name, '/') - 1)" if is_sqlite else "split_part(name, '/', 1)"
    op.execute(IN_TRASH.format(true=true, address=address))
    op.execute(ALONE.format(true=true))
    op.execute(FILL)
    if not is_sqlite:
        for functions in (ADD_ON_POSTGRESQL, LINKS_ON_POSTGRESQL, IMAGES_ON_POSTGRESQL, REPOSITORIES_ON_POSTGRESQL):
            op.execute(functions)
        return
    for name, (event, statements) in INSTEAD_ON_SQLITE.items():
        op.execute(f"DROP TRIGGER {name}")
        op.execute(f"CREATE TRIGGER {name} {event}\nBEGIN {statements} END")
    for number, (event, statements) in enumerate(ON_SQLITE.items()):
        op.execute(f"CREATE TRIGGER trash_{number} {event}\nBEGIN {statements} END")
