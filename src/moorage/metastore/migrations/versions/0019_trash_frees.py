"""What the deletions of a registry said they free, of those that can be restored, kept by triggers like the rest (0018)."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

ON_SQLITE = {
    "AFTER INSERT ON deletions WHEN NEW.leased_until > 0": """
UPDATE registry_usage SET trash_frees = trash_frees + NEW.frees WHERE registry_id = NEW.registry_id;
""",
    "AFTER DELETE ON deletions WHEN OLD.leased_until > 0": """
UPDATE registry_usage SET trash_frees = trash_frees - OLD.frees WHERE registry_id = OLD.registry_id;
""",
    "AFTER UPDATE OF leased_until ON deletions WHEN (OLD.leased_until > 0) <> (NEW.leased_until > 0)": """
UPDATE registry_usage SET trash_frees = trash_frees + NEW.frees * ((NEW.leased_until > 0) - (OLD.leased_until > 0))
    WHERE registry_id = NEW.registry_id;
""",
}
ON_POSTGRESQL = """
CREATE FUNCTION add_to_frees(registry bigint, more bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO registry_usage AS kept (registry_id, slot, repositories, images, body_bytes, blob_bytes, trash_frees)
    VALUES (registry, pg_backend_pid() % 16, 0, 0, 0, 0, more)
    ON CONFLICT (registry_id, slot) DO UPDATE SET trash_frees = kept.trash_frees + excluded.trash_frees;
END $$;
CREATE FUNCTION count_deletion() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' AND OLD.leased_until > 0 THEN
        -- With a registry go its deletions, and what is kept of it.
        IF EXISTS (SELECT 1 FROM registries g WHERE g.id = OLD.registry_id) THEN
            PERFORM add_to_frees(OLD.registry_id, -OLD.frees);
        END IF;
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.leased_until > 0 THEN
        PERFORM add_to_frees(NEW.registry_id, NEW.frees);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER frees_insert AFTER INSERT ON deletions FOR EACH ROW EXECUTE FUNCTION count_deletion();
CREATE TRIGGER frees_delete AFTER DELETE ON deletions FOR EACH ROW EXECUTE FUNCTION count_deletion();
CREATE TRIGGER frees_update AFTER UPDATE OF leased_until ON deletions FOR EACH ROW
WHEN ((OLD.leased_until > 0) <> (NEW.leased_until > 0)) EXECUTE FUNCTION count_deletion()
"""
FILL = """
INSERT INTO registry_usage (registry_id, slot, repositories, images, body_bytes, blob_bytes, trash_frees)
SELECT d.registry_id, 0, 0, 0, 0, 0, sum(d.frees) FROM deletions d WHERE d.leased_until > 0 GROUP BY d.registry_id
ON CONFLICT (registry_id, slot) DO UPDATE SET trash_frees = excluded.trash_frees
"""


def upgrade() -> None:
    """Add the column, which keeps writers off until the end, say what it is by now, and go on from there."""
    op.add_column("registry_usage", sa.Column("trash_frees", WHOLE, nullable=False, server_default="0"))
    op.execute(FILL)
    if op.get_bind().dialect.name != "sqlite":
        op.execute(ON_POSTGRESQL)
        return
    for number, (event, statements) in enumerate(ON_SQLITE.items()):
        op.execute(f"CREATE TRIGGER frees_{number} {event}\nBEGIN {statements} END")
