"""How much a registry may hold, and from which percentage on it counts as nearly full; both move `standing`."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ON_SQLITE = """
CREATE TRIGGER standing_quotas AFTER UPDATE OF quota, quota_warning ON registries
BEGIN UPDATE standing SET mark = lower(hex(randomblob(16))); END
"""
ON_POSTGRESQL = """
CREATE TRIGGER standing_quotas AFTER UPDATE OF quota, quota_warning ON registries
EXECUTE FUNCTION move_standing()
"""


def upgrade() -> None:
    """Add both; a registry has no quota until it gets one."""
    op.add_column("registries", sa.Column("quota", WHOLE))
    op.add_column("registries", sa.Column("quota_warning", WHOLE, nullable=False, server_default="80"))
    op.execute(ON_SQLITE if op.get_bind().dialect.name == "sqlite" else ON_POSTGRESQL)
