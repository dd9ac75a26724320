"""PostgreSQL: stories run on connections of a pool, as many side by side as there are connections.

    look(row)       one statement for all who wait (lookups.py), on a connection of its own (pipeline.py)
    read(story)     statement by statement: each sees the newest commit
    write(story)    BEGIN SERIALIZABLE · gate shared ── story ── COMMIT      again, when it met another
                    BEGIN              · gate alone  ── story ── COMMIT      `alone`, or met others every time

SERIALIZABLE lets writes run side by side and ends those that saw what no order of them explains; they are told again.
The gate is a lock on a table, taken before the transaction sees anything: all writes share it, or one holds it alone
and can't meet anybody. So a collection takes bytes away, and so a story that lost against others gets its turn.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import psycopg
from sqlalchemy import Executable
from sqlalchemy.dialects.postgresql import psycopg as dialects

from moorage.domain.errors import ErrorCode, MoorageError
from moorage.metastore.activity import recorded
from moorage.metastore.connections import (
    ANSWER_SECONDS,
    WORK_SECONDS,
    Connection,
    Connections,
    command,
    limited,
    mapped,
    now,
)
from moorage.metastore.lookups import Lookups
from moorage.metastore.pipeline import Pipeline
from moorage.metastore.prepared import PreparedStatements
from moorage.metastore.steps import Look, Parameters, Row, Rows, Step, Steps

T = TypeVar("T")

SHARED = b"BEGIN ISOLATION LEVEL SERIALIZABLE; LOCK TABLE clock IN ROW EXCLUSIVE MODE"
ALONE = b"BEGIN; LOCK TABLE clock IN SHARE ROW EXCLUSIVE MODE"

MEETINGS = 3
"""How often a story is told beside others before it is told alone."""

_MET_OTHERS = (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected, psycopg.IntegrityError)
"""What another write may be the reason of. It is certain then that nothing was committed."""


class PostgreSQL:
    """The database behind a `postgresql://` URL; see `Database` for what its methods promise."""

    def __init__(self, url: str) -> None:
        self._connections = Connections(url)
        self._pipeline = Pipeline(url)
        self._aside = asyncio.Lock()
        self._lookups = Lookups(self._pipeline.ask)
        self._prepared = PreparedStatements(dialects.dialect())  # type: ignore[no-untyped-call]

    async def start(self) -> None:
        """Open the first connections; the tables must be there (migrations)."""
        await self._connections.open()
        await self._pipeline.open()

    async def close(self) -> None:
        """Close all connections."""
        await self._pipeline.close()
        await self._connections.close()

    async def look(self, look: Look) -> tuple[Row | None, Any]:
        """See `Database`."""
        return await self._lookups.look(look)

    def foresee(self, look: Look) -> None:
        """See `Database`."""
        self._lookups.foresee(look)

    def generation(self) -> None:
        """See `Database`."""
        return

    async def ask_generation(self) -> str:
        """See `Database`."""
        return (await self._lookups.moment()).snapshot

    def standing(self) -> str | None:
        """See `Database`; known while the request goes by the moment it was told first."""
        known = self._lookups.known()
        return known.standing if known is not None else None

    async def ask_standing(self) -> str:
        """See `Database`."""
        return (await self._lookups.moment()).standing

    async def read(self, steps: Steps[T]) -> T:
        """See `Database`."""
        self._lookups.read()
        return await self._read(steps, ANSWER_SECONDS)

    async def read_aside(self, steps: Steps[T]) -> tuple[T, float]:
        """See `Database`; the time that passed counts as work."""
        async with self._aside:
            before = now()
            answer = await self._read(steps, WORK_SECONDS)
            return answer, now() - before

    async def write(self, story: Callable[[], Steps[T]], *, alone: bool = False) -> T:
        """See `Database`."""
        writing = asyncio.ensure_future(self._write(recorded(story), alone=alone))
        try:
            return await asyncio.shield(writing)
        except asyncio.CancelledError:
            # It is written all the same: whoever asked must not go on, say by letting go of an upload, before it is.
            await asyncio.wait([writing])
            raise
        finally:
            self._lookups.wrote()

    async def check(self) -> None:
        """Commit nothing, which needs a database that takes writes; see `Health`."""
        await self.write(_touch)

    async def _read(self, steps: Steps[T], seconds: float) -> T:
        told = _Telling(steps)
        until = now() + ANSWER_SECONDS
        while told.step is not None:
            async with self._connections.one(until) as connection:
                await self._read_on(told, connection, until, seconds)
        return told.answer

    async def _read_on(self, told: "_Telling[T]", connection: Connection, until: float, seconds: float) -> None:
        """Go on as far as the connection lasts: it may have broken while nobody used it."""
        try:
            while told.step is not None:
                told.go_on(await self._execute(connection, *told.step, seconds))
        except psycopg.Error as error:
            if not connection.closed or now() >= until:
                raise mapped(error) from error

    async def _write(self, story: Callable[[], Steps[T]], *, alone: bool) -> T:
        meetings = MEETINGS if alone else 0
        until = now() + ANSWER_SECONDS
        while True:
            is_alone = meetings >= MEETINGS
            async with self._connections.one(until) as connection:
                try:
                    return await self._transact(connection, story, is_alone=is_alone)
                except _MET_OTHERS as error:
                    if is_alone:
                        raise mapped(error) from error
                    meetings += 1
                    until = now() + ANSWER_SECONDS
                except psycopg.Error as error:
                    # Where the connection has broken before the end, nothing was committed.
                    if alone or not connection.closed or now() >= until:
                        raise mapped(error) from error

    async def _transact(self, connection: Connection, story: Callable[[], Steps[T]], *, is_alone: bool) -> T:
        await command(connection, ALONE if is_alone else SHARED, ANSWER_SECONDS)
        told = _Telling(story())
        while told.step is not None:
            with self._connections.watched(connection):
                rows = await self._execute(connection, *told.step, WORK_SECONDS)
            if is_alone:
                # A collection takes bytes away between two steps; requests go on meanwhile.
                await asyncio.to_thread(told.go_on, rows)
            else:
                told.go_on(rows)
        await self._commit(connection)
        return told.answer

    async def _commit(self, connection: Connection) -> None:
        """Commit; who hears nothing of it can't know whether it is, and must not be told that nothing was done."""
        try:
            with self._connections.watched(connection):
                await command(connection, b"COMMIT", WORK_SECONDS)
        except psycopg.Error as error:
            if not connection.closed:
                raise
            message = "the database went away while this was being stored; look whether it is before you try again"
            raise MoorageError(ErrorCode.UNAVAILABLE, message, {"retry_after": 1}) from error

    async def _execute(
        self, connection: Connection, statement: Executable, parameters: Parameters, seconds: float
    ) -> Rows:
        cursor = connection.cursor(binary=True)
        with limited(connection, seconds):
            if isinstance(parameters, dict):
                prepared = self._prepared.prepare(statement, parameters)
                await cursor.execute(prepared.sql, prepared.bind(parameters))
            else:
                prepared = self._prepared.prepare(statement, parameters[0])
                await cursor.executemany(prepared.sql, [prepared.bind(each) for each in parameters])
                return []
        # Not its description, which is an object for each column.
        if cursor.pgresult is None or not cursor.pgresult.nfields:
            return []
        return await cursor.fetchall()


class _Telling(Generic[T]):
    """A story under way: the step that it waits for, None at its end; and then its answer."""

    answer: T

    def __init__(self, steps: Steps[T]) -> None:
        self._steps = steps
        self.step: Step | None = None
        self.go_on(None)

    def go_on(self, rows: Rows | None) -> None:
        """Give the rows of the step, None before the first as generators want it, and come to the next."""
        try:
            self.step = self._steps.send(rows)  # type: ignore[arg-type]
        except StopIteration as end:
            self.step, self.answer = None, end.value


def _touch() -> Steps[None]:
    return
    yield
