"""Connections to PostgreSQL: a pool of them, how long they may take, and what their errors mean.

A database that is gone is an error after some seconds, and is asked anew by whoever comes next.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psycopg
import psycopg_pool
from psycopg.pq import TransactionStatus
from psycopg.rows import namedtuple_row

from moorage.domain.errors import ErrorCode, MoorageError

Connection = psycopg.AsyncConnection[Any]

CONNECTIONS = 9
"""Of one process at most, for stories; it looks up on another, and the one that may run the jobs has one more."""

ANSWER_SECONDS = 4
"""How long a request waits for a connection or the first answer: after that the database counts as gone."""

WORK_SECONDS = 20
"""How long a statement of a write may take, while the database works on it: deleting a large repository is one."""

LOOK_SECONDS = 2
"""How often the database is asked whether it still does, and how long it may take to say so."""

WORKS = "SELECT state = 'active' FROM pg_stat_activity WHERE pid = %(pid)s"

PREPARED = 500
"""Statements that a connection keeps parsed."""

CONNECTING: dict[str, Any] = {
    "application_name": "moorage",
    "autocommit": True,
    "connect_timeout": ANSWER_SECONDS - 1,
    # A machine that is gone says nothing: without a sign of it for so many milliseconds the connection ends.
    "tcp_user_timeout": ANSWER_SECONDS * 1000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}

# What is committed survives a power failure, whatever the server's default. What hangs, or has lost its client, gives
# its locks back. Nothing is compiled: where PostgreSQL expects more rows than there are, that alone takes a second. A
# statement is planned once, as its rows are found the same way whatever is asked for: to plan it each time would take
# longer than to run it (tests/metastore/test_plans.py looks at these plans).
SESSION = f"""
SET statement_timeout = '{WORK_SECONDS}s';
SET lock_timeout = '{ANSWER_SECONDS - 1}s';
SET idle_in_transaction_session_timeout = '{WORK_SECONDS}s';
SET jit = off;
SET plan_cache_mode = force_generic_plan;
SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'
""".encode()


async def configure(connection: Connection) -> None:
    """Make a new connection ready for use."""
    connection.prepare_threshold = 0
    connection.prepared_max = PREPARED
    connection.row_factory = namedtuple_row
    await command(connection, SESSION, ANSWER_SECONDS)


class Connections:
    """The pool of one process, for stories."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool = psycopg_pool.AsyncConnectionPool(
            url,
            kwargs=CONNECTING,
            min_size=1,
            max_size=CONNECTIONS,
            # Whoever asks next tries anew; a pool that tries by itself waits longer and longer in between.
            reconnect_timeout=1,
            configure=configure,
            open=False,
        )

    async def open(self) -> None:
        """Open the first one."""
        try:
            await self._pool.open(wait=True, timeout=ANSWER_SECONDS)
        except psycopg.Error as error:
            raise mapped(error) from error

    async def close(self) -> None:
        """Close them all."""
        await self._pool.close()

    @contextlib.asynccontextmanager
    async def one(self, until: float) -> AsyncIterator[Connection]:
        """Lend one, waiting for it until then (the loop's time); what is left undone on it is rolled back."""
        try:
            connection = await self._pool.getconn(max(until - now(), 0.1))
        except psycopg.Error as error:
            raise mapped(error) from error
        try:
            yield connection
        finally:
            await _roll_back(connection)
            await self._pool.putconn(connection)

    @contextlib.contextmanager
    def watched(self, connection: Connection) -> Iterator[None]:
        """Let what runs inside end with an OperationalError, and the connection with it, when nothing comes of it.

        That is when the database can't be asked any more, or says that it waits for this connection: what was sent, or
        the answer, got lost.
        """
        watching = asyncio.ensure_future(self._watch(connection))
        try:
            yield
        finally:
            watching.cancel()

    async def _watch(self, connection: Connection) -> None:
        is_worked_on = True
        while is_worked_on:
            await asyncio.sleep(LOOK_SECONDS)
            is_worked_on = await self._works_on(connection.info.backend_pid)
        _cut(connection)

    async def _works_on(self, pid: int) -> bool:
        """Ask over another connection; a process that isn't known is a pooler's, and may well work."""
        try:
            async with asyncio.timeout(LOOK_SECONDS), await psycopg.AsyncConnection.connect(self._url) as asking:
                row = await (await asking.execute(WORKS, {"pid": pid})).fetchone()
        except (psycopg.Error, OSError):
            return False
        return row is None or bool(row[0])


async def _roll_back(connection: Connection) -> None:
    if connection.info.transaction_status in {TransactionStatus.INTRANS, TransactionStatus.INERROR}:
        with contextlib.suppress(psycopg.Error):
            await command(connection, b"ROLLBACK", ANSWER_SECONDS)


async def command(connection: Connection, sql: bytes, seconds: float) -> None:
    """Run a command, or several of them in one round trip."""
    with limited(connection, seconds):
        await connection.cursor().execute(sql, prepare=False)


@contextlib.contextmanager
def limited(connection: Connection, seconds: float) -> Iterator[None]:
    """Let what runs inside end with an OperationalError, and the connection with it, when it takes longer."""
    timer = asyncio.get_running_loop().call_later(seconds, _cut, connection)
    try:
        yield
    finally:
        timer.cancel()


def _cut(connection: Connection) -> None:
    """End a connection that hangs: a request to cancel, as psycopg would send, hangs likewise."""
    if not connection.closed:
        with socket.socket(fileno=os.dup(connection.fileno())) as line, contextlib.suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)


def now() -> float:
    """Return the loop's time in seconds."""
    return asyncio.get_running_loop().time()


def mapped(error: psycopg.Error) -> MoorageError:
    """Tell the client whether to try again; the server's own words, which may name machines, stay here."""
    if isinstance(error, psycopg.errors.DiskFull):
        return MoorageError(ErrorCode.DISK_FULL)
    if isinstance(error, psycopg.DataError):
        # A character or number that PostgreSQL has no room for, as NUL: nothing stored is like it.
        return MoorageError(ErrorCode.VALUE_INVALID)
    message = f"the database does not answer ({type(error).__name__}); try again"
    return MoorageError(ErrorCode.UNAVAILABLE, message, {"retry_after": 1})
