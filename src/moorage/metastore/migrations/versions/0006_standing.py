"""What stands still while nobody's rights change: a mark that triggers make another one."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

# The columns whose change counts. A token's last use doesn't: it is noted every minute.
WATCHED = {
    "access_tokens": "id, user_id, name, secret_hash, actions, patterns, created_at, created_by, expires_at",
    "grants": "id, registry_id, user_id, group_id, pattern, role",
    "group_members": "group_id, user_id",
    "groups": "id, name, directory, external, created_at",
    "registries": "id, name, address, description, visibility, immutable_tags, created_at, created_by, redirects",
    "signing_keys": "id, secret, created_at",
    "users": "id, name, password_hash, is_admin, is_disabled, created_at, kind, registry_id, password_expires_at",
}

ON_SQLITE = """
CREATE TRIGGER standing_{table}_{number} AFTER {event} ON {table}
BEGIN UPDATE standing SET mark = lower(hex(randomblob(16))); END
"""
MOVE_ON_POSTGRESQL = """
CREATE FUNCTION move_standing() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN UPDATE standing SET mark = gen_random_uuid(); RETURN NULL; END $$
"""
ON_POSTGRESQL = """
CREATE TRIGGER standing_{table} AFTER INSERT OR DELETE OR TRUNCATE OR UPDATE OF {columns} ON {table}
EXECUTE FUNCTION move_standing()
"""


def upgrade() -> None:
    """Make the mark and its triggers."""
    standing = op.create_table(
        "standing",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("mark", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.bulk_insert(standing, [{"id": 1, "mark": ""}])
    if op.get_bind().dialect.name == "sqlite":
        for table, columns in WATCHED.items():
            for number, event in enumerate(("INSERT", "DELETE", f"UPDATE OF {columns}")):
                op.execute(ON_SQLITE.format(table=table, number=number, event=event))
    else:
        op.execute(MOVE_ON_POSTGRESQL)
        for table, columns in WATCHED.items():
            op.execute(ON_POSTGRESQL.format(table=table, columns=columns))
