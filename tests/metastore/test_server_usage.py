"""What the server holds is counted once for each statement on PostgreSQL, however many blobs it adds or takes away."""

import psycopg
import pytest

from tests.postgres import Cluster

pytestmark = pytest.mark.servers

WRITTEN = "SELECT n_tup_ins + n_tup_upd FROM pg_stat_xact_user_tables WHERE relname = 'server_usage'"
HELD = "SELECT sum(blob_bytes) FROM server_usage"
ADD = """
INSERT INTO blobs (digest, size, place, leased_until, is_held)
SELECT 'sha256:' || n, n, '', NULL, n % 2 = 0 FROM generate_series(1, 100) AS n
"""


def one(connection: psycopg.Connection[tuple[int]], sql: str) -> int:
    row = connection.execute(sql.encode()).fetchone()
    assert row is not None
    return row[0]


def test_a_statement_writes_the_sum_once(postgres: Cluster) -> None:
    with psycopg.connect(postgres.database()) as connection:
        before = one(connection, WRITTEN)
        connection.execute(ADD)
        assert one(connection, WRITTEN) == before + 1
        assert one(connection, HELD) == sum(range(2, 101, 2))
        connection.execute("UPDATE blobs SET is_held = true WHERE size = 1")
        assert one(connection, HELD) == sum(range(2, 101, 2)) + 1
        before = one(connection, WRITTEN)
        connection.execute("DELETE FROM blobs WHERE size <= 50")
        assert one(connection, WRITTEN) == before + 1
        assert one(connection, HELD) == sum(range(52, 101, 2))
