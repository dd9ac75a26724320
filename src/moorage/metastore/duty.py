"""Who runs the jobs, of all the servers on one PostgreSQL: whoever holds a lock that ends with its connection."""

import asyncio

import psycopg

from moorage.metastore.connections import ANSWER_SECONDS, CONNECTING, Connection, command, configure, limited

TRY = "SELECT pg_try_advisory_lock(%(key)s)"
JOBS = 0x6D6F6F72_00000002
"""Any number, but the same in all servers, and another one than that of the migrations."""

MOVE = 0x6D6F6F72_00000003
"""Of `moorage move`, on both of its databases, and of `moorage restore`."""

BACKUP = 0x6D6F6F72_00000004
"""Of `moorage backup`."""


class SharedDuty:
    """The port `Duty` over PostgreSQL. A machine that is gone loses it when PostgreSQL notices, within 20 s."""

    def __init__(self, url: str, key: int = JOBS) -> None:
        self._url = url
        self._key = key
        self._connection: Connection | None = None
        self._is_ours = False
        self._one_at_a_time = asyncio.Lock()

    async def is_ours(self) -> bool:
        """See `Duty`."""
        async with self._one_at_a_time:
            try:
                return await self._try()
            except (psycopg.Error, OSError):
                # The lock went with the connection.
                await self.close()
                return False

    async def close(self) -> None:
        """Let go of it."""
        self._is_ours = False
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def _try(self) -> bool:
        if self._connection is None:
            self._connection = await psycopg.AsyncConnection.connect(self._url, **CONNECTING)
            await configure(self._connection)
        if self._is_ours:
            await command(self._connection, b"SELECT 1", ANSWER_SECONDS)
            return True
        with limited(self._connection, ANSWER_SECONDS):
            cursor = await self._connection.execute(TRY, {"key": self._key})
            row = await cursor.fetchone()
        self._is_ours = bool(row and row[0])
        return self._is_ours
