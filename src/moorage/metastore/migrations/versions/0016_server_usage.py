"""How much the server holds, kept by triggers: a blob counts from its first link on, until its bytes are let go of.

    registry_blobs ──▶ blobs.is_held ──▶ server_usage ◀── blobs that go, or turn out to have another size

A blob that was only claimed counts for nothing: its upload may end otherwise.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

ADD_ON_SQLITE = """
INSERT INTO server_usage (slot, blob_bytes) VALUES (0, {bytes})
ON CONFLICT (slot) DO UPDATE SET blob_bytes = blob_bytes + excluded.blob_bytes;
"""
ON_SQLITE = {
    "AFTER INSERT ON registry_blobs": "UPDATE blobs SET is_held = 1 WHERE digest = NEW.digest AND NOT is_held;",
    "AFTER INSERT ON blobs WHEN NEW.is_held": ADD_ON_SQLITE.format(bytes="NEW.size"),
    "AFTER DELETE ON blobs WHEN OLD.is_held": ADD_ON_SQLITE.format(bytes="-OLD.size"),
    "AFTER UPDATE OF is_held, size ON blobs": ADD_ON_SQLITE.format(
        bytes="NEW.size * NEW.is_held - OLD.size * OLD.is_held"
    ),
}

# More slots than a registry has: whoever pushes something new, wherever, writes here. Once for each statement: a row that
# one transaction changes a hundred thousand times, as where a server moves here, is looked for among as many versions.
ON_POSTGRESQL = """
CREATE FUNCTION add_to_server(more bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO server_usage AS kept (slot, blob_bytes) VALUES (pg_backend_pid() % 64, more)
    ON CONFLICT (slot) DO UPDATE SET blob_bytes = kept.blob_bytes + excluded.blob_bytes;
END $$;
CREATE FUNCTION count_added() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE more bigint;
BEGIN
    SELECT sum(size) INTO more FROM added WHERE is_held;
    IF more IS NOT NULL THEN
        PERFORM add_to_server(more);
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION count_removed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE less bigint;
BEGIN
    SELECT sum(size) INTO less FROM removed WHERE is_held;
    IF less IS NOT NULL THEN
        PERFORM add_to_server(-less);
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION count_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM add_to_server(NEW.size * NEW.is_held::int - OLD.size * OLD.is_held::int);
    RETURN NULL;
END $$;
CREATE FUNCTION hold_blob() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE blobs SET is_held = true WHERE digest = NEW.digest AND NOT is_held;
    RETURN NULL;
END $$;
CREATE TRIGGER held_insert AFTER INSERT ON blobs
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_added();
CREATE TRIGGER held_delete AFTER DELETE ON blobs
REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION count_removed();
CREATE TRIGGER held_update AFTER UPDATE OF is_held, size ON blobs FOR EACH ROW
WHEN (OLD.is_held <> NEW.is_held OR OLD.size <> NEW.size) EXECUTE FUNCTION count_changed();
CREATE TRIGGER held_first AFTER INSERT ON registry_blobs FOR EACH ROW EXECUTE FUNCTION hold_blob()
"""


def upgrade() -> None:
    """Count what is there as held, which needs no row to be written, and let triggers go on from there.

    What an older server claims beside this one counts at once, and no longer than its row is there.
    """
    op.create_table(
        "server_usage",
        sa.Column("slot", WHOLE, nullable=False, autoincrement=False),
        sa.Column("blob_bytes", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("slot"),
        sqlite_with_rowid=False,
    )
    op.add_column("blobs", sa.Column("is_held", sa.Boolean(), nullable=False, server_default=sa.true()))
    if op.get_bind().dialect.name == "sqlite":
        for number, (event, statement) in enumerate(ON_SQLITE.items()):
            op.execute(f"CREATE TRIGGER held_{number} {event}\nBEGIN {statement} END")
    else:
        op.execute(ON_POSTGRESQL)
    op.execute("INSERT INTO server_usage (slot, blob_bytes) SELECT 0, coalesce(sum(size), 0) FROM blobs")
